// Every slice that was acquired gets a row; what the user did not name is left out.
process start_record {

    input:
    path acquisition
    path record, stageAs: 'record/*'     // [ slice_config.csv, its history ] or [ ]
    path generated, stageAs: 'preproc/*'  // the record as preproc made it, or [ ]

    output:
    path 'slice_config{.csv,_history.jsonl}', emit: slice_config  // [ slice_config.csv, its history ]

    script:
    """
    linum_start_record.py ${acquisition} slice_config.csv \
        ${record ? "--record ${[record].flatten()[0]}" : ''} \
        ${generated ? "--generated ${[generated].flatten()[0]}" : ''} ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_start_record.py ${acquisition} slice_config.csv \
        ${record ? "--record ${[record].flatten()[0]}" : ''} \
        ${generated ? "--generated ${[generated].flatten()[0]}" : ''} ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    touch slice_config.csv slice_config_history.jsonl
    """
}
