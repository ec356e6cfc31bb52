// Slices that are placed by hand are noted in the record, before anything is excluded.
process note_manual_transforms {
    publishDir "${params.output}/note_manual_transforms", mode: 'copy', saveAs: { it.endsWith('done.json') ? null : it }

    input:
    path record, stageAs: 'record/*'  // [ slice_config.csv, its history ]
    path manual, stageAs: 'manual/*'  // transforms by hand

    output:
    path 'slice_config{.csv,_history.jsonl}', emit: slice_config  // [ slice_config.csv, its history ]
    path 'manual_transforms.csv', emit: transforms
    path '*.done.json', optional: true, emit: cost

    script:
    """
    linum_note_manual_transforms.py ${manual} record/slice_config.csv slice_config.csv \
        ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_note_manual_transforms.py ${manual} record/slice_config.csv slice_config.csv \
        ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    touch slice_config.csv slice_config_history.jsonl manual_transforms.csv
    """
}
