// The rows of a samplesheet are checked before anything runs; a file of parameters per brain.
process check_samplesheet {
    errorStrategy 'terminate'  // nothing else runs yet
    cache false  // it looks whether paths exist

    input:
    stdin  // params as JSON
    val workflow
    path samplesheet
    val launch_dir

    output:
    path 'brains/*.brain.json', emit: brains

    script:
    """
    linum_check_samplesheet.py ${workflow} ${samplesheet} brains --launch_dir '${launch_dir}' ${task.container ? '--no_see_paths' : ''}
    """

    stub:
    """
    linum_check_samplesheet.py ${workflow} ${samplesheet} brains --launch_dir '${launch_dir}' ${task.container ? '--no_see_paths' : ''}
    """
}
