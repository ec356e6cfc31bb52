// Finds where the report of the stage is wrong, corrects the shifts.
process detect_rehoming_events {
    label 'wide'
    publishDir "${params.output}/detect_rehoming", mode: 'copy', saveAs: { it.endsWith('done.json') ? null : it }

    input:
    path shifts
    path acquisition
    path record, stageAs: 'record/*'  // [ slice_config.csv, its history ]
    path mosaics, stageAs: 'mosaics/*'

    output:
    path 'shifts_xy_clean.csv', emit: shifts
    path 'slice_config{.csv,_history.jsonl}', emit: slice_config  // [ slice_config.csv, its history ]
    path 'rehoming_*', emit: diagnostics
    path '*.done.json', optional: true, emit: cost

    script:
    """
    linum_detect_rehoming.py ${shifts} shifts_xy_clean.csv \
        --acquisition ${acquisition} --mosaics mosaics \
        --slice_config_in record/slice_config.csv --slice_config_out slice_config.csv ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_detect_rehoming.py ${shifts} shifts_xy_clean.csv \
        --acquisition ${acquisition} --mosaics mosaics \
        --slice_config_in record/slice_config.csv --slice_config_out slice_config.csv ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    touch slice_config.csv slice_config_history.jsonl shifts_xy_clean.csv rehoming_report.json
    """
}
