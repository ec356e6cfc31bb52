// All slices onto one canvas, by the shifts.
process bring_to_common_space {
    label 'wide'
    publishDir "${params.output}", mode: 'copy', saveAs: { it ==~ /.*(zarr|done\.json)/ ? null : it }

    input:
    path slices, stageAs: 'slices/*'
    path shifts
    path record, stageAs: 'record/*'  // [ slice_config.csv, its history ]

    output:
    path 'bring_to_common_space/*.ome.zarr', emit: slices  // slice_z03_normalize.ome.zarr, …
    path 'bring_to_common_space/*_*.{csv,json}', optional: true, emit: tables
    path 'bring_to_common_space/done.json', optional: true, emit: cost

    script:
    """
    linum_align_mosaics_3d_from_shifts.py slices ${shifts} bring_to_common_space \
        --slice_config record/slice_config.csv ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_align_mosaics_3d_from_shifts.py slices ${shifts} bring_to_common_space \
        --slice_config record/slice_config.csv ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    mkdir -p bring_to_common_space/slice_z0{1,2,3}_normalize.ome.zarr
    """
}
