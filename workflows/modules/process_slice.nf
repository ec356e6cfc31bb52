// Mosaic grid → corrected, stitched, normalised slice, in one pass.
process process_slice {
    tag "z$slice_id"
    label 'slice'
    publishDir "${params.output}/process_slice", mode: 'copy', saveAs: { it ==~ /.*(zarr|done\.json)/ ? null : it }

    input:
    tuple val(slice_id), path(mosaic)
    path shifts

    output:
    tuple val(slice_id), path("slice_z${slice_id}_normalize.ome.zarr"), optional: true, emit: slice
    path "slice_z${slice_id}_*.{json,png,csv}", optional: true, emit: diagnostics
    path "process_slice/*", optional: true, emit: failure
    path '*.done.json', optional: true, emit: cost

    script:
    """
    linum_process_slice.py ${mosaic} slice_z${slice_id}_normalize.ome.zarr \
        --shifts ${shifts} ${task.ext.args ?: ''} \
        --record_failure process_slice/slice_z${slice_id}_manifest.csv \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_process_slice.py ${mosaic} slice_z${slice_id}_normalize.ome.zarr \
        --shifts ${shifts} ${task.ext.args ?: ''} \
        --record_failure process_slice/slice_z${slice_id}_manifest.csv \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    mkdir slice_z${slice_id}_normalize.ome.zarr
    """
}
