// A slice on the one cut before it: depth, rotation, translation. Short work, several pairs a task.
process register_pairwise {
    tag "${pairs.collect { "z${it.tokenize(':').last()}" }.join(' ')}"
    label 'slice'
    publishDir "${params.output}/register_pairwise", mode: 'copy', saveAs: { it.endsWith('done.json') ? null : it }

    input:
    tuple val(pairs), path(slices, stageAs: 'slices/*')  // [ 03:04, 04:05, … ], every slice they name

    output:
    path 'slice_z*_normalize', optional: true, emit: transform  // folders of the moving slices
    path 'register_pairwise/*', optional: true, emit: failure
    path 'slice_z*_normalize/done.json', optional: true, emit: cost

    script:
    """
    for pair in ${pairs.join(' ')}; do
        moving=slice_z\${pair#*:}_normalize
        linum_register_pairwise.py slices/slice_z\${pair%:*}_normalize.ome.zarr slices/\$moving.ome.zarr \$moving \
            --screenshot \$moving/screenshot.png ${task.ext.args ?: ''} \
            --record_failure register_pairwise/slice_z\${pair#*:}_manifest.csv \
            --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    done
    """

    stub:
    """
    for pair in ${pairs.join(' ')}; do
        moving=slice_z\${pair#*:}_normalize
        linum_register_pairwise.py slices/slice_z\${pair%:*}_normalize.ome.zarr slices/\$moving.ome.zarr \$moving \
            --screenshot \$moving/screenshot.png ${task.ext.args ?: ''} \
            --record_failure register_pairwise/slice_z\${pair#*:}_manifest.csv \
            --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
        mkdir \$moving
    done
    """
}
