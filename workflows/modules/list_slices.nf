// The units that a stage works on, printed by a command: the workflow reads no file of ours.
process list_slices {
    tag "$what"

    input:
    path record, stageAs: 'record/*'  // [ slice_config.csv, its history ]
    path acquisition
    val what  // used, acquired, pairs, gaps, interpolated

    output:
    stdout emit: lines

    script:
    """
    linum_list_slices.py record/slice_config.csv \
        --what ${what} --acquisition ${acquisition} ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_list_slices.py record/slice_config.csv \
        --what ${what} --acquisition ${acquisition} ${task.ext.args ?: ''} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    printf '%s\\n' ${[pairs: "'01 02' '02 03'", gaps: "'01 02 03'"][what] ?: '01 02 03'}
    """
}
