// Leaves out clusters of slices that do not register.
process auto_exclude_slices {
    publishDir "${params.output}/auto_exclude_slices", mode: 'copy', saveAs: { it.endsWith('done.json') ? null : it }

    input:
    path record, stageAs: 'record/*'  // [ slice_config.csv, its history ]
    path transforms, stageAs: 'transforms/*'  // folders of moving slices, or [ ]
    path manual, stageAs: 'manual/*'  // transforms by hand, or [ ]

    output:
    path 'slice_config{.csv,_history.jsonl}', emit: slice_config  // [ slice_config.csv, its history ]
    path '*_metrics.json', emit: metrics
    path '*.done.json', optional: true, emit: cost

    script:
    """
    linum_auto_exclude_slices.py ${transforms ? 'transforms' : '.'} \
        record/slice_config.csv slice_config.csv \
        ${manual ? "--manual_transforms ${manual}" : ''} ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_auto_exclude_slices.py ${transforms ? 'transforms' : '.'} \
        record/slice_config.csv slice_config.csv \
        ${manual ? "--manual_transforms ${manual}" : ''} ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    touch slice_config.csv slice_config_history.jsonl stub_metrics.json
    """
}
