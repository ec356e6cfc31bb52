// All slices into one volume, each at its depth.
process stack {
    label 'wide'
    publishDir "${params.output}/stack", mode: 'copy', saveAs: { it ==~ /.*(zarr|done\.json)/ ? null : it }

    input:
    path folder
    path shifts
    path transforms, stageAs: 'transforms/*'
    path interpolated, stageAs: 'interpolated/*'
    path record, stageAs: 'record/*'  // [ slice_config.csv, its history ]
    path manual, stageAs: 'manual/*'  // transforms by hand, or [ ]

    output:
    path 'stack.ome.zarr', emit: volume
    path '*.{csv,json}', emit: tables
    path '*.done.json', optional: true, emit: cost

    script:
    """
    linum_stack_slices_motor.py ${folder} ${shifts} stack.ome.zarr \
        --slice_config record/slice_config.csv \
        ${transforms ? '--transforms_dir transforms' : ''} \
        ${interpolated ? '--interpolated_dir interpolated' : ''} \
        ${manual ? "--manual_transforms ${manual}" : ''} ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_stack_slices_motor.py ${folder} ${shifts} stack.ome.zarr \
        --slice_config record/slice_config.csv \
        ${transforms ? '--transforms_dir transforms' : ''} \
        ${interpolated ? '--interpolated_dir interpolated' : ''} \
        ${manual ? "--manual_transforms ${manual}" : ''} ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    mkdir stack.ome.zarr
    touch stack_metrics.json
    """
}
