// What a fan-out stage could not process goes into the record; one writer.
process record_failures {

    input:
    path record, stageAs: 'record/*'  // [ slice_config.csv, its history ]
    path fragments, stageAs: 'fragments/*'  // [ slice_z07_manifest.csv, … ] or [ ]
    val over  // slice, gap

    output:
    path 'slice_config{.csv,_history.jsonl}', emit: slice_config  // [ slice_config.csv, its history ]

    script:
    """
    linum_record_failures.py record/slice_config.csv slice_config.csv \
        ${fragments ? '--fragments fragments' : ''} --over ${over} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_record_failures.py record/slice_config.csv slice_config.csv \
        ${fragments ? '--fragments fragments' : ''} --over ${over} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    touch slice_config.csv slice_config_history.jsonl
    """
}
