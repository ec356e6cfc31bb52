// What happened to every slice, as one page.
process generate_report {
    publishDir "${params.output}", mode: 'copy'

    input:
    path top, stageAs: 'run/*'
    path processed, stageAs: 'run/process_slice/*'
    path rehoming, stageAs: 'run/detect_rehoming/*'
    path interpolation, stageAs: 'run/interpolate_missing_slice/*'
    path transforms, stageAs: 'run/register_pairwise/*'
    path stack, stageAs: 'run/stack/*'

    output:
    path 'quality_report.{html,json}', emit: report

    script:
    """
    linum_generate_pipeline_report.py run quality_report.html \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB
    """

    stub:
    """
    linum_generate_pipeline_report.py run quality_report.html \
        --workers ${task.cpus} --max_memory ${task.memory.toMega()}MB --check
    touch quality_report.html quality_report.json
    """
}
