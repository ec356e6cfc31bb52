// One slice of raw tiles → its mosaic grid, a chunk per tile.
process create_mosaic_grid {
    tag "z$slice_id"
    label 'slice'
    publishDir "${params.output}/mosaics", mode: params.publish_mode, pattern: '*.ome.zarr'

    input:
    val slice_id
    path raw, stageAs: 'raw'
    path more, stageAs: 'more_raw?'  // further folders of raw tiles, or [ ]
    path acquisition
    path record, stageAs: 'record/*'  // [ slice_config.csv, galvo ] or [ ]

    output:
    tuple val(slice_id), path("mosaic_grid_3d_z${slice_id}.ome.zarr"), optional: true, emit: mosaic
    path "create_mosaic_grid/*", optional: true, emit: failure
    path '*.done.json', optional: true, emit: cost

    script:
    """
    linum_create_mosaic_grid_3d.py mosaic_grid_3d_z${slice_id}.ome.zarr \
        --from_root_directory raw ${more ? "--more_raw ${[more].flatten().join(' ')}" : ''} \
        --slice ${slice_id} --acquisition ${acquisition} \
        ${record ? '--slice_config record/slice_config.csv' : '--no_fix_galvo_shift'} ${task.ext.args ?: ''} \
        --record_failure create_mosaic_grid/slice_z${slice_id}_manifest.csv \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_create_mosaic_grid_3d.py mosaic_grid_3d_z${slice_id}.ome.zarr \
        --from_root_directory raw ${more ? "--more_raw ${[more].flatten().join(' ')}" : ''} \
        --slice ${slice_id} --acquisition ${acquisition} \
        ${record ? '--slice_config record/slice_config.csv' : '--no_fix_galvo_shift'} ${task.ext.args ?: ''} \
        --record_failure create_mosaic_grid/slice_z${slice_id}_manifest.csv \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    mkdir mosaic_grid_3d_z${slice_id}.ome.zarr
    """
}
