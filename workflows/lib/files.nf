// What both workflows know about paths; no file of ours is read here.

// Paths are checked here, before anything runs: a container sees only what is staged.
def existing(params, names) {
    names.each { name ->
        paths(params[name]).each { path ->
            if (!file(path).exists()) {
                error "--${name} ${path} does not exist: check the path"
            }
        }
    }
}

// One path, or several: a list, or text with spaces between them where there is no such path.
def paths(given) {
    def text = given instanceof Collection ? null : given?.toString()
    !text ? (given ?: []) : file(text).exists() ? [text] : text.tokenize()
}

// A record is two files: what is decided, and who decided it when; [ ] where there is none.
def recordAt(path) {
    def history = file(path.toString().replaceAll(/\.csv$/, '_history.jsonl'))
    file(path).exists() ? (history.exists() ? [file(path), history] : [file(path)]) : []
}

// Many paths as one value, in the order of their names, so that -resume finds them again.
def gathered(ch) {
    ch.flatten().toSortedList { a, b -> a.name <=> b.name ?: a.toString() <=> b.toString() }
}

// Lines of ids → [ 03:04, 04:05, … ] of neighbours that one task works on. Which group a line is in
// depends on its last id alone: a slice that is left out changes no other group.
def inGroups(lines) {
    lines.splitText().map { it.trim().tokenize() }.filter { it }
        .map { ids -> tuple(ids.last().toInteger().intdiv(params.pairs_per_task as int), ids) }
        .groupTuple()
}

// What record_run is told; how a run is resumed is no part of it.
def toldOfRun(workflow, params) {
    def command = workflow.commandLine.replaceAll(/ -resume( [0-9a-f-]{36})?/, '')
    groovy.json.JsonOutput.toJson([command: command, parameters: params])
}

// The same for the volume, which is not written again for another number of processors.
def toldOfVolume(workflow, params, engine = ['max_cpus', 'max_memory', 'publish_mode', 'help']) {
    def command = workflow.commandLine.replaceAll(/ -resume( [0-9a-f-]{36})?/, '')
        .replaceAll(/ --(${engine.join('|')})[ =]\S+/, '')
    groovy.json.JsonOutput.toJson([command: command, parameters: params.findAll { !(it.key in engine) }])
}
