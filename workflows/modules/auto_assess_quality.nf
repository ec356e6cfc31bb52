// Scores every slice, leaves out what is damaged.
process auto_assess_quality {
    label 'wide'
    publishDir "${params.output}/assess_slice_quality", mode: 'copy', saveAs: { it.endsWith('done.json') ? null : it }

    input:
    path record, stageAs: 'record/*'  // [ slice_config.csv, its history ]
    path mosaics, stageAs: 'mosaics/*'

    output:
    path 'slice_config{.csv,_history.jsonl}', emit: slice_config  // [ slice_config.csv, its history ]
    path '{slice_quality,*_metrics.json}', emit: diagnostics
    path '*.done.json', optional: true, emit: cost

    script:
    """
    linum_assess_slice_quality.py mosaics slice_config.csv \
        --update_existing --existing_config record/slice_config.csv ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_assess_slice_quality.py mosaics slice_config.csv \
        --update_existing --existing_config record/slice_config.csv ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    touch slice_config.csv slice_config_history.jsonl stub_metrics.json
    """
}
