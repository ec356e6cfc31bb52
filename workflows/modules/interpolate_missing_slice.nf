// Fills the slot of one missing slice from its two neighbours, or says why not; several gaps a task.
process interpolate_missing_slice {
    tag "${gaps.collect { "z${it.tokenize(':')[1]}" }.join(' ')}"
    label 'slice'
    publishDir "${params.output}/interpolate_missing_slice", mode: 'copy', saveAs: { it ==~ /.*(zarr|done\.json)/ ? null : it }

    input:
    tuple val(gaps), path(slices, stageAs: 'slices/*')  // [ 01:02:03, … ], the slices beside them

    output:
    path 'slice_z*_interpolated.ome.zarr', optional: true, emit: slice
    path 'slice_z*_manifest.csv', optional: true, emit: fragment
    path 'slice_z*_interpolated_*', optional: true, emit: diagnostics
    path 'interpolate_missing_slice/*', optional: true, emit: failure
    path '*.done.json', optional: true, emit: cost

    script:
    """
    for gap in ${gaps.join(' ')}; do
        missing=\${gap#*:}; missing=\${missing%:*}
        linum_interpolate_missing_slice.py slices/slice_z\${gap%%:*}_normalize.ome.zarr \
            slices/slice_z\${gap##*:}_normalize.ome.zarr slice_z\${missing}_interpolated.ome.zarr \
            --slice_id \$missing ${task.ext.args ?: ''} \
            --record_failure interpolate_missing_slice/slice_z\${missing}_manifest.csv \
            --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    done
    """

    stub:
    """
    for gap in ${gaps.join(' ')}; do
        missing=\${gap#*:}; missing=\${missing%:*}
        linum_interpolate_missing_slice.py slices/slice_z\${gap%%:*}_normalize.ome.zarr \
            slices/slice_z\${gap##*:}_normalize.ome.zarr slice_z\${missing}_interpolated.ome.zarr \
            --slice_id \$missing ${task.ext.args ?: ''} \
            --record_failure interpolate_missing_slice/slice_z\${missing}_manifest.csv \
            --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
        touch slice_z\${missing}_manifest.csv
    done
    """
}
