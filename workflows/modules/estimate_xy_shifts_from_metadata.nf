// Raw headers → shifts between slices, and what the headers say.
process estimate_xy_shifts_from_metadata {
    publishDir "${params.output}", mode: 'copy', saveAs: { it.endsWith('done.json') ? null : it }

    input:
    path raw, stageAs: 'raw'
    path more, stageAs: 'more_raw?'  // further folders of raw tiles, or [ ]

    output:
    path 'shifts_xy.csv', emit: shifts
    path 'acquisition.json', emit: acquisition
    path '*.done.json', optional: true, emit: cost

    script:
    """
    linum_estimate_xy_shift_from_metadata.py raw shifts_xy.csv \
        ${more ? "--more_raw ${[more].flatten().join(' ')}" : ''} ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_estimate_xy_shift_from_metadata.py raw shifts_xy.csv \
        ${more ? "--more_raw ${[more].flatten().join(' ')}" : ''} ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    touch shifts_xy.csv acquisition.json
    """
}
