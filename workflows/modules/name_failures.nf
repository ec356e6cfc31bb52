// Last of all: the exit code says whether a slice failed, and the message which.
process name_failures {

    input:
    path record, stageAs: 'record/*'  // [ slice_config.csv, its history ]
    path made, stageAs: 'made/*'  // what must be there before the run may end

    output:
    stdout

    script:
    """
    linum_name_failures.py record/*.csv \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_name_failures.py record/*.csv \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    """
}
