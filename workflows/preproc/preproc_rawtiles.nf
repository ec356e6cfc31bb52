// From a folder of raw tiles to mosaic grids, shifts and slice_config.csv.
// nextflow run preproc_rawtiles.nf --input RAW --output OUT
nextflow.enable.dsl = 2

include { check_parameters                  } from '../modules/check_parameters'
include { estimate_xy_shifts_from_metadata  } from '../modules/estimate_xy_shifts_from_metadata'
include { check_orientation                 } from '../modules/check_orientation'
include { generate_slice_config             } from '../modules/generate_slice_config'
include { start_record                      } from '../modules/start_record'
include { keep_edits                        } from '../modules/keep_edits'
include { list_slices                       } from '../modules/list_slices'
include { create_mosaic_grid                } from '../modules/create_mosaic_grid'
include { record_failures                   } from '../modules/record_failures'
include { record_run                        } from '../modules/record_run'
include { name_failures                     } from '../modules/name_failures'

include { existing; paths; recordAt; gathered; toldOfRun } from '../lib/files'
include { brains } from '../lib/brains'

workflow {
    if (params.help) {
        println file("${projectDir}/help.txt").text
        return
    }
    if (params.samplesheet) {
        existing(params, ['samplesheet'])
        brains(groovy.json.JsonOutput.toJson(params), 'preproc')
        return
    }
    existing(params, ['input', 'more_raw'])
    check_parameters(groovy.json.JsonOutput.toJson(params), 'preproc')
    ch_raw = check_parameters.out.checked.map { file(params.input) }  // folder of raw tiles
    def more = paths(params.more_raw).collect { file(it) }                // further ones, or [ ]

    estimate_xy_shifts_from_metadata(ch_raw, more)
    ch_shifts = estimate_xy_shifts_from_metadata.out.shifts            // shifts_xy.csv
    ch_acquisition = estimate_xy_shifts_from_metadata.out.acquisition  // acquisition.json
    ch_costs = estimate_xy_shifts_from_metadata.out.cost

    // stops the run where the tiles lie otherwise; what follows waits for it
    check_orientation(ch_raw, more, ch_acquisition)
    ch_costs = ch_costs.mix(check_orientation.out.cost)
    ch_acquisition = ch_acquisition.combine(check_orientation.out.orientation).map { it[0] }.first()

    ch_galvo = channel.value([])
    if (params.generate_slice_config) {
        generate_slice_config(ch_shifts.combine(ch_acquisition), ch_raw, more)
        ch_record = generate_slice_config.out.slice_config             // [ csv, history ]
        ch_galvo = generate_slice_config.out.galvo.ifEmpty([])         // folder of decisions
        ch_costs = ch_costs.mix(generate_slice_config.out.cost)
    } else {
        start_record(ch_acquisition, [], [])
        ch_record = start_record.out.slice_config
    }
    // what a person changed in the record of an earlier run stays
    def earlier = recordAt("${params.output}/slice_config.csv")
    if (earlier) {
        keep_edits(ch_record, earlier)
        ch_record = keep_edits.out.slice_config
    }
    ch_decision = params.generate_slice_config
        ? ch_record.map { files -> files.find { it.name.endsWith('.csv') } }.concat(ch_galvo).flatten().collect()
        : channel.value([])                                            // [ csv, galvo ]

    list_slices(ch_record, ch_acquisition, 'acquired')
    ch_ids = list_slices.out.lines.splitText().map { it.trim() }.filter { it }  // slice_id
    create_mosaic_grid(ch_ids, ch_raw, more, ch_acquisition, ch_decision)
    ch_costs = ch_costs.mix(create_mosaic_grid.out.cost)

    record_failures(ch_record, gathered(create_mosaic_grid.out.failure), 'slice')
    record_run(toldOfRun(workflow, params), ch_acquisition, gathered(ch_costs), [], [])
    name_failures(record_failures.out.slice_config, record_run.out.run)
}
