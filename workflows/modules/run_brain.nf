// The whole workflow for one brain, by an engine of its own beside this one; never ends with an error.
process run_brain {
    tag "${brain.name - '.brain.json'}"
    executor 'local'  // its tasks go where the profile says
    memory '512.MB'
    time '100d'  // as long as a brain takes; the local executor would end it
    maxForks params.subjects_at_once as int
    cache false  // with -resume the brain's own run knows what is done

    input:
    path brain  // parameters of the brain's run
    val script
    val launch_dir
    val work_dir
    val engine_args

    output:
    path '*.outcome.json', emit: outcome

    script:
    def subject = brain.name - '.brain.json'
    """
    linum_run_brain.py ${brain} ${subject}.outcome.json \
        --script '${script}' --launch_dir '${launch_dir}/${subject}' \
        --work_dir '${work_dir}/${subject}' --engine_args='${engine_args}'
    """

    stub:
    def subject = brain.name - '.brain.json'
    """
    linum_run_brain.py ${brain} ${subject}.outcome.json \
        --script '${script}' --launch_dir '${launch_dir}/${subject}' \
        --work_dir '${work_dir}/${subject}' --engine_args='${engine_args}' --check
    touch ${subject}.outcome.json
    """
}
