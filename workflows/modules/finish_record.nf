// The whole record: every slice has one fate.
process finish_record {
    publishDir "${params.output}", mode: 'copy'

    input:
    path record, stageAs: 'record/*'  // [ slice_config.csv, its history ]
    path acquisition

    output:
    path 'slice_config_final{.csv,_history.jsonl}', emit: slice_config

    script:
    """
    linum_finish_record.py record/slice_config.csv ${acquisition} slice_config_final.csv \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_finish_record.py record/slice_config.csv ${acquisition} slice_config_final.csv \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    touch slice_config_final.csv slice_config_final_history.jsonl
    """
}
