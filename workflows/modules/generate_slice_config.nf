// The record: one row per slice; with detect_galvo, which sweeps were mistimed.
process generate_slice_config {
    label 'wide'
    publishDir "${params.output}", mode: 'copy', pattern: 'galvo'

    input:
    path scan, stageAs: 'scan/*'  // [ shifts_xy.csv, acquisition.json ]
    path raw, stageAs: 'raw'
    path more, stageAs: 'more_raw?'  // further folders of raw tiles, or [ ]

    output:
    path 'slice_config{.csv,_history.jsonl}', emit: slice_config  // [ slice_config.csv, its history ]
    path 'galvo', optional: true, emit: galvo
    path '*.done.json', optional: true, emit: cost

    script:
    """
    linum_generate_slice_config.py scan/shifts_xy.csv slice_config.csv \
        --from_shifts --tiles_dir raw ${more ? "--more_raw ${[more].flatten().join(' ')}" : ''} \
        ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_generate_slice_config.py scan/shifts_xy.csv slice_config.csv \
        --from_shifts --tiles_dir raw ${more ? "--more_raw ${[more].flatten().join(' ')}" : ''} \
        ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    touch slice_config.csv slice_config_history.jsonl
    """
}
