// From a folder of raw tiles to mosaic grids, shifts and slice_config.csv.
// nextflow run preproc_rawtiles.nf --input RAW --output OUT
nextflow.enable.dsl = 2

include { check_parameters                  } from '../modules/check_parameters'
include { estimate_xy_shifts_from_metadata  } from '../modules/estimate_xy_shifts_from_metadata'
include { generate_slice_config             } from '../modules/generate_slice_config'
include { start_record                      } from '../modules/start_record'
include { list_slices                       } from '../modules/list_slices'
include { create_mosaic_grid                } from '../modules/create_mosaic_grid'
include { record_failures                   } from '../modules/record_failures'
include { name_failures                     } from '../modules/name_failures'

workflow {
    if (params.help) {
        println file("${projectDir}/help.txt").text
        return
    }
    check_parameters(groovy.json.JsonOutput.toJson(params), 'preproc')
    ch_raw = check_parameters.out.checked.map { file(params.input) }  // folder of raw tiles

    estimate_xy_shifts_from_metadata(ch_raw)
    ch_shifts = estimate_xy_shifts_from_metadata.out.shifts            // shifts_xy.csv
    ch_acquisition = estimate_xy_shifts_from_metadata.out.acquisition  // acquisition.json

    if (params.generate_slice_config) {
        generate_slice_config(ch_shifts.combine(ch_acquisition), ch_raw)
        ch_record = generate_slice_config.out.slice_config             // [ csv, history ]
        ch_galvo = generate_slice_config.out.galvo.ifEmpty([])         // folder of decisions
        ch_decision = ch_record.concat(ch_galvo).flatten().collect()   // [ csv, history, galvo ]
    } else {
        start_record(ch_acquisition, [], [])
        ch_record = start_record.out.slice_config
        ch_decision = channel.value([])
    }

    list_slices(ch_record, ch_acquisition, 'acquired')
    ch_ids = list_slices.out.lines.splitText().map { it.trim() }.filter { it }  // slice_id
    create_mosaic_grid(ch_ids, ch_raw, ch_acquisition, ch_decision)

    record_failures(ch_record, create_mosaic_grid.out.failure.collect().ifEmpty([]), 'slice')
    name_failures(record_failures.out.slice_config, [])
}
