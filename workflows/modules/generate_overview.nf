// One page with a row per brain.
process generate_overview {
    publishDir "${params.output}", mode: 'copy', saveAs: { it.endsWith('done.json') ? null : it }
    cache false  // it looks into folders that others have written

    input:
    path folder, stageAs: 'brains'
    path outcomes, stageAs: 'outcomes/*'  // <subject>.outcome.json of every brain

    output:
    path 'overview.html', emit: page
    path 'overview.json', emit: rows

    script:
    """
    linum_generate_overview.py brains overview.html --outcomes outcomes \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_generate_overview.py brains overview.html --outcomes outcomes \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    touch overview.html overview.json
    """
}
