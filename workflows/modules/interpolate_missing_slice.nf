// Fills the slot of one missing slice from its two neighbours, or says why not.
process interpolate_missing_slice {
    tag "z$slice_id"
    label 'slice'
    publishDir "${params.output}/interpolate_missing_slice", mode: 'copy', saveAs: { it.endsWith('.zarr') ? null : it }

    input:
    tuple val(slice_id), path(before), path(after)

    output:
    path "slice_z${slice_id}_interpolated.ome.zarr", optional: true, emit: slice
    path "slice_z${slice_id}_manifest.csv", optional: true, emit: fragment
    path "slice_z${slice_id}_interpolated_*", optional: true, emit: diagnostics
    path "interpolate_missing_slice/*", optional: true, emit: failure

    script:
    """
    linum_interpolate_missing_slice.py ${before} ${after} slice_z${slice_id}_interpolated.ome.zarr \
        --slice_id ${slice_id} ${task.ext.args ?: ''} \
        --record_failure interpolate_missing_slice/slice_z${slice_id}_manifest.csv \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_interpolate_missing_slice.py ${before} ${after} slice_z${slice_id}_interpolated.ome.zarr \
        --slice_id ${slice_id} ${task.ext.args ?: ''} \
        --record_failure interpolate_missing_slice/slice_z${slice_id}_manifest.csv \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    touch slice_z${slice_id}_manifest.csv
    """
}
