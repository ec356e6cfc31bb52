// Last of all: the exit code says whether a brain's run failed, and the message which.
process name_failed_brains {
    cache false

    input:
    path overview

    output:
    stdout

    script:
    """
    linum_name_failed_brains.py ${overview} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_name_failed_brains.py ${overview} \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    """
}
