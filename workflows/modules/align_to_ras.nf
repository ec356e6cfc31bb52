// The final volume into the frame of an atlas.
process align_to_ras {
    label 'wide'
    publishDir "${params.output}", mode: params.publish_mode, pattern: '*.ome.zarr'
    publishDir "${params.output}", mode: 'copy', saveAs: { it ==~ /.*(zarr|done\.json)/ ? null : it }

    input:
    path volume
    path atlas

    output:
    path '3d_volume_ras.ome.zarr', emit: volume
    path '3d_volume_ras_*', emit: diagnostics
    path '*.done.json', optional: true, emit: cost

    script:
    """
    linum_align_to_ras.py ${volume} 3d_volume_ras.ome.zarr \
        --atlas ${atlas} ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_align_to_ras.py ${volume} 3d_volume_ras.ome.zarr \
        --atlas ${atlas} ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    mkdir 3d_volume_ras.ome.zarr
    touch 3d_volume_ras_transform.json
    """
}
