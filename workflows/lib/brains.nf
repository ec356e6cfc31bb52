// Many brains: the same workflow once for each row of a samplesheet, each with an engine of its own,
// so that one brain is what a run on it alone makes, and what ends one ends no other.

include { check_samplesheet  } from '../modules/check_samplesheet'
include { run_brain          } from '../modules/run_brain'
include { generate_overview  } from '../modules/generate_overview'
include { name_failed_brains } from '../modules/name_failed_brains'

// What the engine of a brain is given beside its parameters: what this one was given.
def engineArgs(workflow) {
    def project = workflow.projectDir.toString()
    def configs = workflow.configFiles.findAll { !it.toString().startsWith(project) }
    [
        workflow.resume ? '-resume' : '',
        workflow.stubRun ? '-stub-run' : '',
        workflow.profile != 'standard' ? "-profile ${workflow.profile}" : '',
        *configs.collect { "-c ${it}" },
    ].findAll().join(' ')
}

workflow brains {
    take:
    told  // params as JSON
    name  // preproc, reconst_3d

    main:
    check_samplesheet(told, name, file(params.samplesheet), workflow.launchDir.toString())
    run_brain(
        check_samplesheet.out.brains.flatten(),
        workflow.scriptFile.toString(),
        "${workflow.launchDir}/brains/${name}",
        "${workflow.workDir}/brains/${name}",
        engineArgs(workflow),
    )
    ch_outcomes = run_brain.out.outcome.collect()
    ch_folder = ch_outcomes.map { file(params.output) }.map { it.mkdirs(); it }  // also where no brain began
    generate_overview(ch_folder, ch_outcomes)
    name_failed_brains(generate_overview.out.rows)
}
