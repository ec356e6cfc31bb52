// Parameters are checked before anything runs.
process check_parameters {
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
