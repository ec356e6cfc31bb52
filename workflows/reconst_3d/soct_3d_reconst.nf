// From mosaic grids to the volume, slice_config_final.csv and the report.
// nextflow run soct_3d_reconst.nf --input OUT --slice_config OUT/slice_config.csv --output OUT2
nextflow.enable.dsl = 2

include { check_parameters                       } from '../modules/check_parameters'
include { start_record                           } from '../modules/start_record'
include { list_slices as list_acquired           } from '../modules/list_slices'
include { list_slices as list_used               } from '../modules/list_slices'
include { list_slices as list_gaps               } from '../modules/list_slices'
include { list_slices as list_pairs              } from '../modules/list_slices'
include { auto_assess_quality                    } from '../modules/auto_assess_quality'
include { detect_rehoming_events                 } from '../modules/detect_rehoming_events'
include { process_slice                          } from '../modules/process_slice'
include { record_failures as failed_slices       } from '../modules/record_failures'
include { record_failures as failed_gaps         } from '../modules/record_failures'
include { record_failures as failed_pairs        } from '../modules/record_failures'
include { bring_to_common_space                  } from '../modules/bring_to_common_space'
include { interpolate_missing_slice              } from '../modules/interpolate_missing_slice'
include { finalise_interpolation                 } from '../modules/finalise_interpolation'
include { register_pairwise                      } from '../modules/register_pairwise'
include { note_manual_transforms                 } from '../modules/note_manual_transforms'
include { auto_exclude_slices                    } from '../modules/auto_exclude_slices'
include { stack                                  } from '../modules/stack'
include { normalize_z_intensity                  } from '../modules/normalize_z_intensity'
include { align_to_ras                           } from '../modules/align_to_ras'
include { finish_record                          } from '../modules/finish_record'
include { record_run; record_run as tell_volume  } from '../modules/record_run'
include { generate_report                        } from '../modules/generate_report'
include { name_failures                          } from '../modules/name_failures'

include { existing; recordAt; gathered; inGroups; toldOfRun; toldOfVolume } from '../lib/files'
include { brains } from '../lib/brains'

workflow {
    if (params.help) {
        println file("${projectDir}/help.txt").text
        return
    }
    if (params.samplesheet) {
        existing(params, ['samplesheet'])
        brains(groovy.json.JsonOutput.toJson(params), 'reconst_3d')
        return
    }
    existing(params, ['input', 'slice_config', 'manual_transforms', 'atlas'])
    check_parameters(groovy.json.JsonOutput.toJson(params), 'reconst_3d')
    ch_input = check_parameters.out.checked.map { file(params.input) }  // folder that preproc wrote
    ch_acquisition = ch_input.map { it / 'acquisition.json' }
    ch_stage_shifts = ch_input.map { it / 'shifts_xy.csv' }

    // the record: as given, as preproc made it, as an earlier run left it, or every slice in use
    def made = ["${params.input}/slice_config.csv", "${params.output}/slice_config.csv"].find { file(it).exists() }
    def chosen = params.slice_config ?: made
    def is_other = params.slice_config && made && file(made).toRealPath() != file(chosen).toRealPath()
    start_record(ch_acquisition, chosen ? recordAt(chosen) : [], is_other ? recordAt(made) : [])
    ch_record = start_record.out.slice_config  // [ slice_config.csv, its history ], replaced stage by stage

    list_acquired(ch_record, ch_acquisition, 'acquired')
    ch_mosaics = list_acquired.out.lines.splitText().map { it.trim() }.filter { it }
        .combine(ch_input)
        .map { id, folder -> tuple(id, [folder / 'mosaics', folder].collect { it / "mosaic_grid_3d_z${id}.ome.zarr" }) }
        .map { id, places -> tuple(id, places.find { it.exists() } ?: places[0]) }  // [ slice_id, mosaic ]
    ch_all_mosaics = gathered(ch_mosaics.map { id, path -> path }.filter { it.exists() })

    ch_costs = channel.empty()  // what each stage cost, for run.json
    if (params.auto_assess_quality) {
        auto_assess_quality(ch_record, ch_all_mosaics)
        ch_record = auto_assess_quality.out.slice_config
        ch_costs = auto_assess_quality.out.cost
    }
    ch_shifts = ch_stage_shifts
    ch_rehoming = channel.value([])
    if (params.detect_rehoming) {
        detect_rehoming_events(ch_stage_shifts, ch_acquisition, ch_record, ch_all_mosaics)
        ch_record = detect_rehoming_events.out.slice_config
        ch_shifts = detect_rehoming_events.out.shifts
        ch_costs = ch_costs.mix(detect_rehoming_events.out.cost)
        ch_rehoming = ch_shifts.concat(detect_rehoming_events.out.diagnostics).flatten().collect()
    }

    list_used(ch_record, ch_acquisition, 'used')
    ch_used = list_used.out.lines.splitText().map { it.trim() }.filter { it }  // slice_id
    process_slice(ch_used.join(ch_mosaics), ch_shifts)
    ch_slices = gathered(process_slice.out.slice.map { id, path -> path })
    failed_slices(ch_record, gathered(process_slice.out.failure), 'slice')
    ch_record = failed_slices.out.slice_config

    bring_to_common_space(ch_slices, ch_shifts, ch_record)
    ch_common = bring_to_common_space.out.slices.map { [it].flatten()[0].parent }  // their folder

    ch_fragments = channel.value([])
    ch_filled = channel.value([])
    ch_gap_files = channel.value([])
    if (params.interpolate_missing_slices) {
        list_gaps(ch_record, ch_acquisition, 'gaps')
        ch_gaps = inGroups(list_gaps.out.lines).combine(ch_common)
            .map { _group, gaps, folder ->
                def beside = gaps.collectMany { before, _missing, after -> [before, after] }.unique()
                tuple(gaps*.join(':'), beside.collect { folder / "slice_z${it}_normalize.ome.zarr" })
            }  // [ before:missing:after, … ], slices
        interpolate_missing_slice(ch_gaps)
        ch_fragments = gathered(interpolate_missing_slice.out.fragment)
        ch_filled = gathered(interpolate_missing_slice.out.slice)
        ch_gap_files = gathered(interpolate_missing_slice.out.diagnostics)
        ch_costs = ch_costs.mix(interpolate_missing_slice.out.cost)
        failed_gaps(ch_record, gathered(interpolate_missing_slice.out.failure), 'gap')
        ch_record = failed_gaps.out.slice_config
    }
    finalise_interpolation(ch_record, ch_fragments)
    ch_record = finalise_interpolation.out.slice_config

    list_pairs(ch_record, ch_acquisition, 'pairs')
    ch_pairs = inGroups(list_pairs.out.lines).combine(ch_common)
        .map { _group, pairs, folder ->
            tuple(pairs*.join(':'), pairs.flatten().unique().collect { folder / "slice_z${it}_normalize.ome.zarr" })
        }  // [ fixed:moving, … ], slices
    register_pairwise(ch_pairs)
    ch_transforms = gathered(register_pairwise.out.transform)
    failed_pairs(ch_record, gathered(register_pairwise.out.failure), 'slice')
    ch_record = failed_pairs.out.slice_config

    def manual = params.manual_transforms ? [file(params.manual_transforms)] : []
    if (params.manual_transforms) {
        note_manual_transforms(ch_record, manual)
        ch_record = note_manual_transforms.out.slice_config
        ch_costs = ch_costs.mix(note_manual_transforms.out.cost)
    }
    if (params.auto_exclude_enabled) {
        auto_exclude_slices(ch_record, ch_transforms, manual)
        ch_record = auto_exclude_slices.out.slice_config
        ch_costs = ch_costs.mix(auto_exclude_slices.out.cost)
    }
    stack(ch_common, ch_shifts, ch_transforms, ch_filled, ch_record, manual)
    finish_record(ch_record, ch_acquisition)
    ch_final = finish_record.out.slice_config
    ch_earlier = ch_input.map { it / 'run.json' }.map { it.exists() ? it : [] }
    tell_volume(toldOfVolume(workflow, params), ch_acquisition, [], ch_earlier, ch_final)
    normalize_z_intensity(stack.out.volume, tell_volume.out.run)
    ch_volume = normalize_z_intensity.out.volume

    ch_costs = ch_costs.mix(
        process_slice.out.cost, bring_to_common_space.out.cost, finalise_interpolation.out.cost,
        register_pairwise.out.cost, stack.out.cost, normalize_z_intensity.out.cost,
    )
    ch_made = ch_volume
    if (params.atlas && params.input_orientation) {
        align_to_ras(ch_volume, file(params.atlas))
        ch_costs = ch_costs.mix(align_to_ras.out.cost)
        ch_made = ch_volume.concat(align_to_ras.out.volume)
    }
    record_run(toldOfRun(workflow, params), ch_acquisition, gathered(ch_costs), ch_earlier, ch_final)

    ch_top = ch_final.concat(ch_acquisition, ch_stage_shifts, ch_made, record_run.out.run).flatten().collect()
    ch_processed = gathered(process_slice.out.slice.map { id, path -> path }.mix(process_slice.out.diagnostics.flatten()))
    generate_report(ch_top, ch_processed, ch_rehoming, gathered(ch_filled.mix(ch_gap_files)), ch_transforms, stack.out.tables)
    name_failures(ch_final, generate_report.out.report.concat(ch_made).flatten().collect())
}
