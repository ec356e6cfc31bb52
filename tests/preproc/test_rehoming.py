"""Stage faults: worked examples, evidence of images, laws, planted paths."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadValue
from linumpy.preproc.rehoming import common_step_mm, correct
from linumpy.preproc.stage_evidence import ImageShift, Limits

PX_PER_MM = 20.0


def rows(steps, *, ids=None, reliable=None):
    keys = [SliceId(i) for i in (ids or range(len(steps) + 1))]
    return [
        Shift(a, b, x * PX_PER_MM, y * PX_PER_MM, x, y, reliable)
        for (a, b), (x, y) in zip(pairwise(keys), steps, strict=True)
    ]


def seen(shifts, motions, *, at_stage=0.4, broad=0.95, detail=0.7):
    """Images that found ``motions``; None where they match nothing."""
    return {
        (s.fixed, s.moving): ImageShift(
            x_mm=0.0 if m is None else m[0],
            y_mm=0.0 if m is None else m[1],
            broad=0.2 if m is None else broad,
            detail=0.0 if m is None else detail,
            score_at_stage=0.1 if m is None else at_stage,
            sigma_mm=0.01,
        )
        for s, m in zip(shifts, motions, strict=True)
    }


def mm(shifts):
    return np.array([(s.x_mm, s.y_mm) for s in shifts])


class TestWithoutImages:
    def test_spike_pair_worked_example(self):
        "Both rows of a round trip become the median of their ordinary neighbours."
        fixed, events = correct(rows([(0.01, 0.02), (0.9, 0), (-0.88, 0.01), (0.02, 0.01)]))
        np.testing.assert_allclose(mm(fixed)[1:3], [(0.015, 0.015)] * 2)
        assert [(e.moving, e.kind) for e in events] == [("02", "spike"), ("03", "spike")]
        assert fixed[1].x_px == pytest.approx(0.3)
        assert all(row.reliable for row in fixed)

    def test_a_step_that_stays_is_kept_and_not_reliable(self):
        "A persistent step without other evidence is left alone."
        given_rows = rows([(0.01, 0), (0.9, 0), (0.01, 0)])
        fixed, events = correct(given_rows)
        assert events == ()
        np.testing.assert_array_equal(mm(fixed), mm(given_rows))
        assert [row.reliable for row in fixed] == [True, False, True]

    @pytest.mark.parametrize(
        ("step", "left"), [(0.880, 0.005), (0.95, 0.95), (-1.74, 0.01), (0.02, 0.02)]
    )
    def test_tile_offsets_worked_example(self, step, left):
        "F = 0.875, tolerance 0.05: 0.880 → 0.005, 0.95 stays, -1.74 → 0.01."
        fixed, _ = correct(rows([(step, 0)]), limits=Limits(tile_fov_mm=(0.875,)))
        assert fixed[0].x_mm == pytest.approx(left)

    def test_two_fields_of_view_are_x_and_y(self):
        "x by 0.8, y by 0.5."
        fixed, events = correct(rows([(0.81, -1.01)]), limits=Limits(tile_fov_mm=(0.8, 0.5)))
        np.testing.assert_allclose(mm(fixed), [(0.01, -0.01)], atol=1e-9)
        assert events[0].kind == "tile_offset"

    def test_a_run_that_returns_as_a_whole_is_a_spike(self):
        "Two slices in two wrong places: three long steps that sum to nothing."
        fixed, events = correct(rows([(0.01, 0), (0.9, 0), (0.6, 0.7), (-1.5, -0.7), (0.01, 0)]))
        assert [e.kind for e in events] == ["spike"] * 3
        np.testing.assert_allclose(mm(fixed), [(0.01, 0)] * 5)

    def test_only_spikes_and_no_ordinary_row(self):
        "Two rows that return and nothing else become zero."
        fixed, _ = correct(rows([(0.9, 0), (-0.9, 0)]))
        np.testing.assert_array_equal(mm(fixed), np.zeros((2, 2)))

    def test_a_changed_grid_stays_unreliable(self):
        "reliable=0 of the input is never raised."
        fixed, _ = correct(rows([(0.01, 0), (0.02, 0)], reliable=False))
        assert [row.reliable for row in fixed] == [False, False]

    def test_ids_with_gaps_and_no_rows(self):
        "Ids are carried, an empty file is no error."
        fixed, events = correct(rows([(0.9, 0), (-0.9, 0.0)], ids=[7, 20, 100]))
        assert [(row.fixed, row.moving) for row in fixed] == [("07", "20"), ("20", "100")]
        assert [e.moving for e in events] == ["20", "100"]
        assert correct([]) == ((), ())

    def test_three_fields_of_view_are_refused(self):
        "One number, or x and y."
        with pytest.raises(BadValue, match="3 tile fields of view"):
            correct([], limits=Limits(tile_fov_mm=(1, 1, 1)))


class TestWithImages:
    def test_a_persistent_step_is_corrected_by_what_the_tissue_did(self):
        "The stage jumps by -2.4 mm and stays; the tissue did not move."
        steps = [(0.01, 0.0), (0.0, 0.01), (-0.01, 0.01), (-2.39, 0.04), (0.02, -0.01)]
        shifts = rows(steps)
        motions = [*steps[:3], (0.01, 0.03), steps[4]]
        fixed, events = correct(shifts, image_shifts=seen(shifts, motions))
        assert [(e.moving, e.kind, e.is_from_images) for e in events] == [("04", "rehoming", True)]
        assert fixed[3].x_mm == pytest.approx(0.01, abs=0.01)
        assert fixed[3].y_mm == 0.04, "an axis that agrees keeps the stage's value"
        assert fixed[3].reliable

    def test_whole_fields_of_view_come_off_exactly(self):
        "What the images find within a fiftieth of a field is a whole field."
        steps = [(0.01, 0.0), (0.0, 0.01), (0.0, 0.0), (-2.389, 0.043), (0.02, -0.01)]
        shifts = rows(steps)
        motions = [*steps[:3], (0.04, 0.03), steps[4]]
        fixed, events = correct(
            shifts, limits=Limits(tile_fov_mm=(2.4,)), image_shifts=seen(shifts, motions)
        )
        assert events[0].kind == "tile_offset"
        assert (fixed[3].x_mm, fixed[3].y_mm) == (0.011, 0.043)

    def test_a_glitch_leaves_the_path_behind_it_exact(self):
        "What is taken off one row is given back by the other: their sum stays."
        steps = [(0.01, 0.0), (0.85, -0.7), (-0.88, 0.71), (0.02, 0.0), (0.0, 0.01)]
        shifts = rows(steps)
        motions = [steps[0], (0.0, 0.01), (-0.02, 0.0), *steps[3:]]
        fixed, events = correct(shifts, image_shifts=seen(shifts, motions))
        assert [(e.moving, e.kind) for e in events] == [("02", "spike"), ("03", "spike")]
        np.testing.assert_allclose(mm(fixed).sum(axis=0), np.sum(steps, axis=0), atol=3e-6)
        np.testing.assert_allclose(mm(fixed)[1:3], motions[1:3], atol=0.03)

    def test_a_true_round_trip_is_kept(self):
        "The stage moved away and back, and the tissue moved with it."
        steps = [(0.01, 0), (0.9, 0), (-0.88, 0.01), (0.02, 0.01)]
        shifts = rows(steps)
        fixed, events = correct(shifts, image_shifts=seen(shifts, steps))
        assert events == ()
        assert [row.reliable for row in fixed] == [True, False, False, True]

    def test_a_true_step_by_a_field_of_view_is_kept(self):
        "Grid growth moves the origin by a tile, and the tissue with it."
        shifts = rows([(0.0, 0), (0.875, 0), (0.0, 0)])
        fixed, events = correct(
            shifts,
            limits=Limits(tile_fov_mm=(0.875,)),
            image_shifts=seen(shifts, [(0, 0), (0.87, 0.01), (0, 0)]),
        )
        assert events == ()
        assert fixed[1].x_mm == 0.875

    def test_motion_of_the_tissue_is_no_fault_of_the_stage(self):
        "80 µm that the stage does not report are left to registration."
        shifts = rows([(0.01, 0), (0.01, 0), (0.01, 0)])
        fixed, events = correct(
            shifts, image_shifts=seen(shifts, [(0.01, 0), (0.09, -0.055), (0.01, 0)])
        )
        assert events == ()
        assert all(row.reliable for row in fixed)

    def test_images_that_match_nothing_leave_it_to_the_pattern(self):
        "A spike is still a spike when the slice in the wrong place is damaged."
        shifts = rows([(0.01, 0), (0.9, 0), (-0.9, 0), (0.01, 0)])
        _, events = correct(shifts, image_shifts=seen(shifts, [(0, 0), None, None, (0, 0)]))
        assert [(e.kind, e.is_from_images) for e in events] == [("spike", False)] * 2

    def test_a_step_at_a_damaged_slice_is_seen_across_it(self):
        "Slice 2 matches nothing; slices 1 and 3 say that the stage jumped between them."
        shifts = rows([(0.01, 0), (-2.0, 0), (0.01, 0), (0.01, 0)])
        images = seen(shifts, [(0.01, 0), None, None, (0.01, 0)])
        images[SliceId(1), SliceId(3)] = ImageShift(0.02, 0.0, 0.95, 0.7, None, 0.01)
        fixed, events = correct(shifts, image_shifts=images)
        assert [e.moving for e in events] == ["02"]
        assert mm(fixed).sum(axis=0)[0] == pytest.approx(0.04, abs=0.03)

    def test_a_run_across_a_damaged_slice_keeps_the_sum_that_was_seen(self):
        "Slices 2 and 3 are reported elsewhere, 3 matches nothing, one step is a field by chance."
        steps = [(0.01, 0), (1.3, 0.4), (-1.6, 0.0), (0.31, -0.4), (0.01, 0), (0.0, 0.01)]
        shifts = rows(steps)
        images = seen(shifts, [steps[0], (0.01, 0.01), None, None, *steps[4:]])
        images[SliceId(2), SliceId(4)] = ImageShift(0.0, 0.01, 0.95, 0.7, 0.1, 0.01)
        fixed, events = correct(shifts, limits=Limits(tile_fov_mm=(1.6,)), image_shifts=images)
        assert [e.kind for e in events] == ["spike"] * 3
        np.testing.assert_allclose(mm(fixed).sum(axis=0), np.sum(steps, axis=0), atol=1e-5)
        assert np.abs(mm(fixed)).max() < 0.05

    def test_a_picture_that_fits_the_stage_as_well_decides_nothing(self):
        "Without a lead the images are not conclusive."
        shifts = rows([(0.01, 0), (0.9, 0), (0.01, 0)])
        images = seen(shifts, [(0.01, 0), (0.0, 0), (0.01, 0)], at_stage=0.82)
        fixed, events = correct(shifts, image_shifts=images)
        assert events == ()
        assert not fixed[1].reliable


class TestGroups:
    """Which wrong rows belong together."""

    USUAL = ((0.01, 0.0), (-0.01, 0.01), (0.0, -0.01), (0.01, 0.01), (-0.01, 0.0), (0.0, 0.01))

    def named(self, steps, motions):
        given_rows = rows(steps)
        fixed, events = correct(given_rows, image_shifts=seen(given_rows, motions))
        np.testing.assert_allclose(mm(fixed), motions, atol=0.03)
        return {int(e.moving): e.kind for e in events}

    def test_jumps_far_apart_that_nearly_cancel_are_two(self):
        "0.9 mm there, 0.7 mm back four slices later: each stays."
        motions = [*self.USUAL, *self.USUAL]
        steps = np.array(motions)
        steps[2] += (0.9, 0)
        steps[6] -= (0.7, 0)
        assert self.named(steps, motions) == {3: "rehoming", 7: "rehoming"}

    def test_fields_of_view_there_and_back_are_two_offsets(self):
        "They cancel to the last digit, since both are whole fields."
        motions = [*self.USUAL, *self.USUAL]
        steps = np.array(motions)
        steps[2] += (0.8, 0)
        steps[5] -= (0.8, 0)
        given_rows = rows(steps)
        _, events = correct(
            given_rows, limits=Limits(tile_fov_mm=(0.8,)), image_shifts=seen(given_rows, motions)
        )
        assert [(int(e.moving), e.kind) for e in events] == [(3, "tile_offset"), (6, "tile_offset")]

    @pytest.mark.parametrize(("back", "kind"), [(5, "spike"), (9, "rehoming")])
    def test_a_report_that_stays_wrong_for_long_has_lost_its_place(self, back, kind):
        "Three slices that stood wrong alike are a spike, seven are not."
        motions = [*self.USUAL, *self.USUAL]
        steps = np.array(motions)
        steps[2] += (0.7, 0.1)
        steps[back] -= (0.7, 0.1)
        assert self.named(steps, motions) == {3: kind, back + 1: kind}

    def test_the_middle_of_a_run_is_no_spike_of_its_own(self):
        "Three rows inside come near to cancelling; all five cancel sharply."
        motions = [*self.USUAL, *self.USUAL]
        steps = np.array(motions)
        steps[3:8] += [(-1.1, 0.1), (1.0, 0.7), (-0.5, -0.35), (-0.48, -0.34), (1.08, -0.11)]
        assert self.named(steps, motions) == dict.fromkeys(range(4, 9), "spike")

    def test_images_that_are_off_do_not_undo_a_report_that_came_back(self):
        "Anatomy fades out: the images are 0.3 mm off at both rows, and not by the same."
        motions = np.array([*self.USUAL, *self.USUAL])
        steps = motions.copy()
        steps[4] += (0.9, 0.6)
        steps[5] -= (0.9, 0.6)
        off = motions.copy()
        off[4] += (0.3, 0)
        off[5] += (0.25, 0.1)
        given_rows = rows(steps)
        fixed, events = correct(given_rows, image_shifts=seen(given_rows, off))
        assert [(int(e.moving), e.kind) for e in events] == [(5, "spike"), (6, "spike")]
        path = np.cumsum(mm(fixed) - motions, axis=0)
        np.testing.assert_allclose(path[5:], 0, atol=0.03)
        assert np.abs(path).max() < 0.1

    def test_a_jump_that_stayed_is_no_part_of_a_later_spike(self):
        "The spike's way in happens to be the jump's opposite; the spike comes back by itself."
        motions = [*self.USUAL, *self.USUAL]
        steps = np.array(motions)
        steps[2] += (0.9, 0)
        steps[7] -= (0.9, 0)
        steps[8] += (0.9, 0)
        assert self.named(steps, motions) == {3: "rehoming", 8: "spike", 9: "spike"}

    def test_a_spike_whose_tissue_moved_is_one_event(self):
        "The tissue of the glitched slice moved by 0.1 mm: its rows cancel but for that."
        motions = np.array([*self.USUAL, *self.USUAL])
        motions[4] += (0.1, 0)
        steps = motions.copy()
        steps[4] += (0.6, 0.2)
        steps[5] -= (0.7, 0.2)
        given_rows = rows(steps)
        _, events = correct(given_rows, image_shifts=seen(given_rows, motions))
        assert [(int(e.moving), e.kind) for e in events] == [(5, "spike"), (6, "spike")]

    def test_without_images_a_spike_keeps_the_sum_of_its_rows(self):
        "The report is right again behind it: the motion across it is not lost."
        steps = np.array([*self.USUAL, *self.USUAL])
        steps[4] += (0.9, 0)
        steps[5] -= (0.88, 0)
        fixed, events = correct(rows(steps))
        assert [int(e.moving) for e in events] == [5, 6]
        np.testing.assert_allclose(mm(fixed)[4:6].sum(axis=0), steps[4:6].sum(axis=0), atol=1e-5)

    def test_a_chance_match_across_a_silent_run_takes_nothing_off(self):
        "No step of the run is long enough to hold the jump that the match asks for."
        given_rows = rows([*self.USUAL, *self.USUAL])
        motions = [*self.USUAL[:3], None, None, None, *self.USUAL]
        images = seen(given_rows, motions)
        pair = given_rows[3].fixed, given_rows[5].moving
        images[pair] = ImageShift(0.8, 0.5, 0.7, 0.3, score_at_stage=0.1, sigma_mm=0.01)
        _, events = correct(given_rows, image_shifts=images)
        assert events == ()


def test_a_common_step_is_noticed():
    "Long steps that are multiples of 0.875 hint at the field of view; unlike ones do not."
    assert common_step_mm(
        rows([(0.875, 0), (0.01, -1.75), (0.88, 0)]), max_shift_mm=0.5
    ) == pytest.approx(0.875)
    assert common_step_mm(rows([(0.9, 0), (1.4, 0)]), max_shift_mm=0.5) is None
    assert common_step_mm(rows([(0.9, 0)]), max_shift_mm=0.5) is None


small = st.floats(-0.05, 0.05).map(lambda d: round(d, 4))


@given(st.lists(st.tuples(small, small), max_size=12))
def test_an_ordinary_path_is_left_alone(steps):
    "Without long steps nothing is corrected, with images or without."
    shifts = rows(steps)
    for images in (None, seen(shifts, steps)):
        fixed, events = correct(shifts, limits=Limits(tile_fov_mm=(0.8,)), image_shifts=images)
        assert events == ()
        np.testing.assert_array_equal(mm(fixed), mm(shifts))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(small, small), min_size=12, max_size=30),
    st.integers(2, 8),
    st.sampled_from(["spike", "rehome"]),
    st.tuples(st.floats(0.6, 2.5), st.floats(-2.5, 2.5)),
)
def test_a_planted_fault_is_found_alone_and_the_path_is_right(steps, at, kind, jump):
    "The fault is flagged where it was planted, nothing else is, and the path is close to truth."
    truth = np.array(steps)
    reported = truth.copy()
    reported[at] += jump
    if kind == "spike":
        reported[at + 1] -= jump
    shifts = rows([tuple(step) for step in reported])
    fixed, events = correct(shifts, image_shifts=seen(shifts, steps))
    wanted = [at, at + 1] if kind == "spike" else [at]
    assert [event.index for event in events] == wanted
    error = np.abs(np.cumsum(mm(fixed), axis=0) - np.cumsum(truth, axis=0))
    assert error.max() < 0.06
    if kind == "spike":
        assert error[at + 1 :].max() < 1e-5
