// What ran, with which parameters, what each stage cost; as linum_reconstruct.py writes it.
process record_run {
    // told before the volume is written, it costs nothing yet and is for the volume alone
    publishDir "${params.output}", mode: 'copy', saveAs: { costs && it == 'run.json' ? it : null }

    input:
    stdin  // command and parameters as JSON
    path acquisition
    path costs, stageAs: 'costs*/*'  // *.done.json of all stages
    path before, stageAs: 'before/*'  // run.json of the workflow before this one, or [ ]
    path record, stageAs: 'record/*'  // slice_config_final.csv and its history, or [ ]

    output:
    path 'run.json', emit: run

    script:
    """
    linum_record_run.py ${acquisition} run.json \
        --costs . ${before ? '--before before/run.json' : ''} \
        ${record ? '--record record/slice_config_final.csv' : ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_record_run.py ${acquisition} run.json \
        --costs . ${before ? '--before before/run.json' : ''} \
        ${record ? '--record record/slice_config_final.csv' : ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    touch run.json
    """
}
