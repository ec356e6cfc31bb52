// A record that is made again: the cells that a person changed in the earlier one stay.
process keep_edits {

    input:
    path generated, stageAs: 'generated/*'  // [ slice_config.csv, its history ] as it is made now
    path earlier, stageAs: 'earlier/*'      // [ slice_config.csv, its history ] of an earlier run

    output:
    path 'slice_config{.csv,_history.jsonl}', emit: slice_config  // [ slice_config.csv, its history ]

    script:
    """
    linum_keep_edits.py generated/slice_config.csv earlier/slice_config.csv slice_config.csv \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_keep_edits.py generated/slice_config.csv earlier/slice_config.csv slice_config.csv \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    touch slice_config.csv slice_config_history.jsonl
    """
}
