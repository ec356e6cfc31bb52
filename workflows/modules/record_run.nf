// What ran, with which parameters, what each stage cost; as linum_reconstruct.py writes it.
process record_run {
    publishDir "${params.output}", mode: 'copy', pattern: 'run.json'

    input:
    stdin  // command and parameters as JSON
    path acquisition
    path costs, stageAs: 'costs*/*'  // *.done.json of all stages
    path before, stageAs: 'before/*'  // run.json of the workflow before this one, or [ ]

    output:
    path 'run.json', emit: run

    script:
    """
    linum_record_run.py ${acquisition} run.json \
        --costs . ${before ? '--before before/run.json' : ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_record_run.py ${acquisition} run.json \
        --costs . ${before ? '--before before/run.json' : ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    touch run.json
    """
}
