// Fragments of the gaps into the record; one writer, also for no gap at all.
process finalise_interpolation {
    publishDir "${params.output}/interpolate_missing_slice", mode: 'copy', saveAs: { it.endsWith('done.json') ? null : it }

    input:
    path record, stageAs: 'record/*'  // [ slice_config.csv, its history ]
    path fragments, stageAs: 'fragments/*'  // [ slice_z07_manifest.csv, … ] or [ ]

    output:
    path 'slice_config{.csv,_history.jsonl}', emit: slice_config  // [ slice_config.csv, its history ]
    path '*_metrics.json', emit: metrics
    path '*.done.json', optional: true, emit: cost

    script:
    """
    linum_interpolate_missing_slice.py --finalise \
        --slice_config_in record/slice_config.csv --slice_config_out slice_config.csv \
        ${fragments ? '--fragments fragments' : ''} ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_interpolate_missing_slice.py --finalise \
        --slice_config_in record/slice_config.csv --slice_config_out slice_config.csv \
        ${fragments ? '--fragments fragments' : ''} ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    touch slice_config.csv slice_config_history.jsonl stub_metrics.json
    """
}
