// The overlaps of one slice: do the tiles lie as the parameters say? Stops the run where not.
process check_orientation {
    label 'wide'
    publishDir "${params.output}/check_orientation", mode: 'copy', saveAs: { it.endsWith('done.json') ? null : it }

    input:
    path raw, stageAs: 'raw'
    path more, stageAs: 'more_raw?'  // further folders of raw tiles, or [ ]
    path acquisition

    output:
    path 'orientation.json', emit: orientation
    path '*.done.json', optional: true, emit: cost

    script:
    """
    linum_check_orientation.py raw ${acquisition} orientation.json \
        ${more ? "--more_raw ${[more].flatten().join(' ')}" : ''} ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_check_orientation.py raw ${acquisition} orientation.json \
        ${more ? "--more_raw ${[more].flatten().join(' ')}" : ''} ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    touch orientation.json
    """
}
