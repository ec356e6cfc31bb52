// A slice on the one cut before it: depth, rotation, translation.
process register_pairwise {
    tag "z$slice_id"
    label 'slice'
    publishDir "${params.output}/register_pairwise", mode: 'copy'

    input:
    tuple val(slice_id), path(fixed), path(moving)

    output:
    path "slice_z${slice_id}_normalize", optional: true, emit: transform  // folder of the moving slice
    path "register_pairwise/*", optional: true, emit: failure

    script:
    """
    linum_register_pairwise.py ${fixed} ${moving} slice_z${slice_id}_normalize \
        --screenshot slice_z${slice_id}_normalize/screenshot.png ${task.ext.args ?: ''} \
        --record_failure register_pairwise/slice_z${slice_id}_manifest.csv \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_register_pairwise.py ${fixed} ${moving} slice_z${slice_id}_normalize \
        --screenshot slice_z${slice_id}_normalize/screenshot.png ${task.ext.args ?: ''} \
        --record_failure register_pairwise/slice_z${slice_id}_manifest.csv \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    mkdir slice_z${slice_id}_normalize
    """
}
