// Parameters are checked before anything runs.
process check_parameters {
    errorStrategy 'terminate'  // nothing else runs yet; finish may wait for channels that never fill
    input:
    stdin  // params as JSON
    val workflow

    output:
    val true, emit: checked

    script:
    """
    linum_check_parameters.py ${workflow}
    """

    stub:
    """
    linum_check_parameters.py ${workflow}
    """
}
