// Brightness steps between slices out of the stack; the final volume.
process normalize_z_intensity {
    label 'wide'
    publishDir "${params.output}", mode: params.publish_mode, pattern: '*.ome.zarr'
    publishDir "${params.output}", mode: 'copy', saveAs: { it ==~ /.*(zarr|done\.json)/ ? null : it }

    input:
    path stack
    path run, stageAs: 'run/*'  // run.json: how the volume is made

    output:
    path '3d_volume.ome.zarr', emit: volume
    path '3d_volume_z_normalization.json', emit: diagnostics
    path '*.done.json', optional: true, emit: cost

    script:
    """
    linum_normalize_z_intensity.py ${stack} 3d_volume.ome.zarr \
        --provenance run/run.json ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_normalize_z_intensity.py ${stack} 3d_volume.ome.zarr \
        --provenance run/run.json ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    mkdir 3d_volume.ome.zarr
    touch 3d_volume_z_normalization.json
    """
}
