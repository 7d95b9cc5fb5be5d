# The filter's kernels without a matrix product (kernels-src/nvptx/), one by one against a reference, on a GPU.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: filter_kernels.py FOLDER [--quick] [--times] | --list

FOLDER holds NAME.ptx of every kernel that --list names; docs/README.md says how to make it. Memory that a kernel may not read is NaN, memory
behind its results must stay as it is. Sums are compared with float64, everything else exactly. --quick: without the large sizes.
--times: also the time of each at the size of Gemma 2. Ends with 'N passed, N failed', or with 'skipped: ...' where there is no PyTorch
or no GPU that runs the kernels.
"""
import math

from kernel_tests import (BF16, DEVICE, F16, F32, F64, I32, INF, NAN, TAIL, UNTOUCHED, Tests, arange, close, full, i32, main, rand, randint, randn,
                          room, same, suffix, torch, untouched, up)

TYPED = ("weighted_rows", "tail_tilt", "mark_entries", "grad_classes")
KERNELS = ["count_labels", "head_classes", "filter_threshold", "missed_tokens", "heavy_classes", "list_classes", "choose_path",
           "sum_parts", "dropped_mass"] + [
    f"{name}_{dtype}" for name in TYPED for dtype in ("bf16", "f16")]

MANY = 1 << 40


def words_of(vocab):
    return up(vocab, 256) // 32


def pack_bits(bits):
    """bool [.., V] to i32 [.., words]"""
    vocab = bits.shape[-1]
    padded = torch.zeros(*bits.shape[:-1], words_of(vocab) * 32, dtype=I32, device=DEVICE)
    padded[..., :vocab] = bits
    return (padded.unflatten(-1, (-1, 32)) << arange(32).to(I32)).sum(-1).to(I32)


def make_labels(n, vocab, kind):
    return {"random": lambda: randint(0, vocab, n), "last": lambda: full(n, vocab - 1), "all": lambda: arange(n) % vocab,
            "zipf": lambda: (rand(n).to(F64).clamp_min(1e-7) ** -5).clamp_max(vocab).floor() - 1, "same": lambda: full(n, 31),
            "ends": lambda: torch.where(arange(n) % 2 == 1, vocab - 1 - arange(n) // 2, arange(n) // 2)}[kind]().to(I32)


def places_of(own, first):
    """Of every word: how many classes precede it, `first` and those of `own`, bool [blocks, V]."""
    ones = torch.zeros(len(own), words_of(own.shape[1]) * 32, dtype=torch.int64, device=DEVICE)
    ones[:, :own.shape[1]] = own
    ones = ones.unflatten(-1, (-1, 32)).sum(-1)
    return (ones.cumsum(1) - ones + first).to(I32)


class FilterTests(Tests):
    # ------------------------------------------------------------------------------------------------ forward

    def count_labels(self, n, vocab, kind, grid=None):
        padded = max(up(n, 128), 128)
        labels = full(padded, -1, I32)
        labels[:n] = make_labels(n, vocab, kind)
        words, groups = words_of(vocab), padded // 128
        seen, needed = room(3 * words, I32), room(groups * words, I32)
        seen[:3 * words], needed[:groups * words] = 0, 0
        self.launch("count_labels", grid or -(-padded // 256), 256, [labels, i32([n]), ("i32", vocab), ("i32", words), seen, needed])
        marked = torch.zeros(groups, vocab, dtype=torch.bool, device=DEVICE)
        marked[arange(n) // 128, labels[:n].long()] = True
        tokens = torch.bincount(labels[:n].long(), minlength=vocab)
        self.report(f"count_labels n {n} V {vocab} {kind} grid {grid} (up to {int(tokens.max())} of a class)", [
            same("seen", seen[:3 * words], torch.cat([pack_bits(tokens >= least) for least in (1, 2, 3)])), untouched("seen", seen, 3 * words),
            same("needed", needed[:groups * words], pack_bits(marked).view(-1)), untouched("needed", needed, groups * words)])

    def head_classes(self, vocab, capacity, density, every):
        often = rand(vocab) < density
        often[vocab // 2] = density > 0
        sample_capacity = up(-(-(vocab - every // 2) // every), 256)
        classes, sample = room(capacity, I32), room(sample_capacity, I32)
        head_count, sample_count, weight = room(1, I32), room(1, I32), room(1)
        self.launch("head_classes", 1, 1024, [pack_bits(often), ("i32", words_of(vocab)), ("i32", vocab), classes, ("i32", capacity), head_count,
                                              ("i32", every), sample, ("i32", sample_capacity), sample_count, weight])
        head, others = often.nonzero()[:, 0], arange(vocab)[every // 2::every]
        others = others[~often[others]]
        kept = min(len(head), capacity)
        want, want_sample = full(capacity, -1, I32), full(sample_capacity, -1, I32)
        want[:kept], want_sample[:len(others)] = head[:kept], others
        stands_for = (vocab - len(head)) / len(others) if len(others) else 0.0
        self.report(f"head_classes V {vocab} capacity {capacity} density {density} ({len(head)}) every {every} ({len(others)})", [
            same("classes", classes[:capacity], want), untouched("classes", classes, capacity),
            same("head_count", head_count[:1], kept), untouched("head_count", head_count, 1),
            same("sample", sample[:sample_capacity], want_sample), untouched("sample", sample, sample_capacity),
            same("sample_count", sample_count[:1], len(others)), untouched("sample_count", sample_count, 1),
            close("sample_weight", weight[:1], full(1, stands_for, F64), 1e-6 * stands_for), untouched("sample_weight", weight, 1)])

    def states(self, splits, padded, empty=0.0, spread=8.0):
        """(maximum, sum) to base 2, of terms of which the largest is 1: maxima, sums and what a kernel gets."""
        maxima, sums = randn(splits, padded) * spread + 3, rand(splits, padded) * 499 + 1
        none = rand(splits, padded) < empty
        maxima, sums = torch.where(none, -INF, maxima), torch.where(none, 0.0, sums)
        return maxima.to(F64), sums.to(F64), torch.stack([maxima, sums], -1).contiguous()

    def filter_threshold(self, n, head_splits, sample_splits, kind, grid, every=7, tallied=16):
        padded, vocab, missed_capacity = max(up(n, 128), 128), 5000, max(up(n // 8, 128), 128)
        log_epsilon = math.log(2.0**-12)
        empty = {"no head": 1.0, "nothing": 1.0, "some empty": 0.5}.get(kind, 0.0)
        m0, t0, head = self.states(head_splits, padded, empty)
        m1, t1, sample = self.states(sample_splits, padded, 1.0 if kind in ("nothing", "no sample") else empty / 2, 0.5 if kind == "alike" else 8.0)
        logit = randn(padded) * 5 + (100 if kind == "label wins" else 0)
        if kind == "nothing":
            logit[:] = -INF
        logit[n:] = NAN
        often = rand(vocab) < 0.3
        labels = full(padded, -1, I32)
        labels[:n] = randint(0, vocab, n).to(I32)
        weight = {"no sample": 0.0, "all sampled": 1.0}.get(kind, 37.5)
        threshold, bound = room(padded), room(padded)
        missed_rows, missed_threshold, missed_count = room(missed_capacity, I32), room(missed_capacity), room(2, I32)
        limit = room(padded)
        self.launch("filter_threshold", grid, 256, [
            head, ("i32", head_splits), sample, ("i32", sample_splits), ("i32", padded), labels, pack_bits(often), ("i32", every),
            full(1, weight), logit, i32([n]), ("f32", log_epsilon), threshold, bound, missed_rows, missed_threshold, ("i32", missed_capacity),
            missed_count, ("i32", tallied), limit])
        z, label = logit[:n].to(F64), labels[:n].long()
        in_head, in_sample = often[label], label % every == every // 2
        total = lambda m, t: (t * 2.0**m)[:, :n].sum(0)
        known = total(m0, t0)
        certain = torch.maximum((known + torch.where(in_head, 0, z.exp())).log(), z)
        # Parts of the sample: their largest terms, no more than whose geometric mean stands for others too, and the rest of their sums.
        m, t = m1[:, :n].to(F64), t1[:, :n].to(F64)
        exists = m > -INF
        parts = exists.sum(0)
        cap = torch.minimum(m, torch.where(exists, m, 0).sum(0) / parts).exp2()
        stands = torch.where(exists, (t - 1).clamp_min(0) * m.exp2() + cap, 0)
        alone = torch.where(exists, m.exp2() - cap, 0)
        differences = torch.where(exists, stands - stands.sum(0) / parts, 0)
        squares = (differences**2).sum(0) * parts / (parts - 1).clamp_min(1) + torch.where(exists, cap**2, 0).sum(0)
        estimate = known + torch.where(in_head | in_sample, 0, z.exp()) + weight * stands.sum(0) + alone.sum(0)
        error = torch.where(parts > 0, (weight * max(weight - 1, 0) * squares).sqrt() / estimate, 0)
        guess = estimate.log() - 0.05 - 1.2 * error
        lowest = torch.finfo(torch.float32).min  # finite: no -inf of a column behind the last class may reach it
        want, want_bound = full(padded, INF, F64), full(padded, -INF, F64)
        want[:n] = (torch.maximum(certain - 1e-3, guess) + log_epsilon).clamp_min(lowest)
        want_bound[:n] = certain
        # Blocks of eight tokens: the first of the first so many, the second of the next, and so on.
        block, apart = arange(padded) // 8, min(max(n // 8 // max(tallied, 1), 1), 16)
        has_limit = (block % apart == block // apart % apart) & (arange(padded) < n) & (tallied > 0)
        self.report(f"filter_threshold n {n} splits {head_splits} + {sample_splits} {kind} grid {grid}", [
            close("threshold", threshold[:padded], want, 3e-6 * (10 + want.abs())), untouched("threshold", threshold, padded),
            close("bound", bound[:padded], want_bound, 3e-6 * (10 + want_bound.abs())), untouched("bound", bound, padded),
            same("missed_rows", missed_rows[:min(missed_capacity, padded)], -1), untouched("missed_rows", missed_rows, missed_capacity),
            same("missed_threshold", missed_threshold[:min(missed_capacity, padded)], INF),
            untouched("missed_threshold", missed_threshold, missed_capacity),
            same("missed_count", missed_count[:2], 0), untouched("missed_count", missed_count, 2),
            same("limit", limit[:padded], torch.where(has_limit, threshold[:padded], -INF)), untouched("limit", limit, padded)])

    def missed_tokens(self, n, splits, part, capacity, grid):
        padded, log_epsilon = max(up(n, 128), 128), math.log(2.0**-12)
        maxima, sums, partial = self.states(splits, padded)
        lse = (sums * 2.0**maxima).sum(0).log()
        rows = full(padded, -1, I32)
        rows[:n] = (arange(n) * 3 + 1).to(I32)
        missed = (rand(padded) < part) & (arange(padded) < n)
        # Neither is within the rounding of what decides.
        threshold = (lse + log_epsilon + torch.where(missed, 1e-4 + rand(padded), -1e-3 - rand(padded))).to(F32)
        threshold[n:] = INF
        missed_rows, missed_threshold, missed_group = room(capacity, I32), room(capacity), room(capacity, I32)
        missed_count = room(2, I32)
        missed_count[:2] = 0
        self.launch("missed_tokens", grid, 256, [partial, ("i32", splits), ("i32", padded), rows, i32([n]), ("f32", log_epsilon), threshold,
                                                 missed_rows, missed_threshold, missed_group, ("i32", capacity), missed_count])
        number = int(missed.sum())
        kept = min(number, capacity)
        got, order = missed_rows[:kept].sort()
        tokens = (got.long() - 1) // 3
        right = missed[tokens] & (got % 3 == 1)  # distinct ones, in any order
        self.report(f"missed_tokens n {n} splits {splits} capacity {capacity} grid {grid} ({number} missed)", [
            same("missed_count", missed_count[:2], i32([number, kept])), untouched("missed_count", missed_count, 2),
            same("that they are missed", right.to(I32), 1), same("that they are distinct", (got[1:] > got[:-1]).to(I32), 1),
            close("threshold", missed_threshold[:kept][order], lse[tokens] + log_epsilon - 1e-3, 3e-6 * (10 + lse[tokens].abs())),
            same("group", missed_group[:kept][order], (tokens // 128).to(I32)),
            untouched("rows", missed_rows, kept), untouched("threshold", missed_threshold, kept), untouched("group", missed_group, kept)])

    # ------------------------------------------------------------------------------------------------ lists

    def heavy_classes(self, blocks, vocab, least, grid, unused=0, corrects=True):
        """unused: groups without tokens, behind the others."""
        needed = rand(blocks, vocab) < rand(vocab)  # some classes in nearly all blocks, some in hardly any
        needed[blocks - unused:] = False
        words = words_of(vocab)
        heavy, tally, direction = room(words, I32), randint(0, 1 << 32, words * 32), room(vocab)
        self.launch("heavy_classes", grid, 256, [pack_bits(needed), ("i32", blocks), ("i32", words), ("i32", least), heavy, tally.to(I32),
                                                 i32([(blocks - unused) * 128 - 127]), ("i32", vocab if corrects else 0), direction])
        users = needed.sum(0)
        is_heavy = users >= least
        want = torch.where(is_heavy, 0, tally[:vocab].to(F64) * (blocks - unused - users))
        self.report(f"heavy_classes blocks {blocks} V {vocab} least {least} grid {grid} unused {unused} corrects {corrects}", [
            same("heavy", heavy[:words], pack_bits(is_heavy)), untouched("heavy", heavy, words),
            untouched("direction", direction, vocab if corrects else 0)] + (
                [close("direction", direction[:vocab], want, 3e-7 * want)] if corrects else []))

    def list_classes(self, blocks, vocab, slots, density, grid, heavy_density=0.0):
        words = words_of(vocab)
        if density == "ends":
            bits = torch.zeros(blocks, vocab, dtype=torch.bool, device=DEVICE)
            bits[:, [0, 31, 32, 255, 256, 8191, 8192, vocab // 2, vocab - 1]] = True
            bits[1] = False
        else:
            bits = rand(blocks, vocab) < density
            bits[0, vocab - 1] |= 0 < density < 1
        is_heavy = rand(vocab) < heavy_density
        needed, heavy = pack_bits(bits), pack_bits(is_heavy)
        lists, counts, ranks = room(blocks * slots, I32), room(blocks, I32), room(blocks * words, I32)
        heavy_list, heavy_count = room(slots, I32), room(1, I32)
        given = needed.clone()
        self.launch("list_classes", grid, 1024, [given, heavy, ("i32", blocks), ("i32", words), ("i32", slots), lists, counts, ranks, heavy_list,
                                                 heavy_count])
        first, own = is_heavy.nonzero()[:, 0], bits & ~is_heavy
        want = full((blocks + 1, slots), -1, I32)
        for b in range(blocks + 1):
            classes = torch.cat([first, own[b].nonzero()[:, 0]]) if b < blocks else first
            want[b, :min(len(classes), slots)] = classes[:slots].to(I32)
        total = own.sum(1) + len(first)
        self.report(f"list_classes blocks {blocks} V {vocab} slots {slots} density {density} heavy {len(first)} grid {grid} "
                    f"(counts to {int(total.max())})", [
            same("needed", given, needed), same("lists", lists[:blocks * slots], want[:blocks].reshape(-1)),
            untouched("lists", lists, blocks * slots), same("counts", counts[:blocks], total), untouched("counts", counts, blocks),
            same("ranks", ranks[:blocks * words], places_of(own, len(first)).view(-1)), untouched("ranks", ranks, blocks * words),
            same("heavy_list", heavy_list[:slots], want[blocks]), untouched("heavy_list", heavy_list, slots),
            same("heavy_count", heavy_count[:1], len(first)), untouched("heavy_count", heavy_count, 1)])

    def choose_path(self, name, n, most, slots, limit, mass, least, dense, null=False, missed=0):
        """most: classes of the longest list. limit: a number, or so much less than the sum of all lists, as ("sum", x)."""
        vocab, padded = 256000, max(up(n, 128), 128)
        blocks = padded // 128
        counts = randint(0, most + 1, blocks)
        counts[int(randint(0, blocks, 1))] = most
        if n > 1000000:
            counts = counts.clamp_min(most - 50000)
        total = int(counts.sum())
        limit = total - limit[1] if isinstance(limit, tuple) else limit
        lse, masses = randn(padded) * 3 + 12, (rand(padded) * 0.4 + 0.8) * mass
        if math.isnan(mass):
            masses = torch.where(arange(padded) == n // 2, NAN, 0.9)
        bound = lse + masses.log()
        bound[n:], lse[n:] = -INF, 0
        count_dense, count_filtered, kept = room(1, I32), room(1, I32), room(1)
        self.launch("choose_path", 1, 1024, [counts.to(I32), ("i32", blocks), ("i32", slots), ("i64", limit), bound, lse, i32([n]),
                                             ("i32", vocab), ("f32", least), i32([missed, 99]), ("i32", 100), count_dense, count_filtered, None if null else kept])
        part = UNTOUCHED if null else 1.0 if dense else total / (blocks * vocab)
        self.report(f"choose_path {name} (n {n}, {blocks} blocks, sum {total})", [
            same("count_dense", count_dense[:1], n if dense else -1), same("count_filtered", count_filtered[:1], -1 if dense else n),
            close("kept", kept[:1], full(1, part, F64), 1e-6), untouched("count_dense", count_dense, 1),
            untouched("count_filtered", count_filtered, 1), untouched("kept", kept, 1)])

    # ------------------------------------------------------------------------------------------------ the tail

    def weighted_rows(self, dtype, rows, columns, parts, n=None, every=1, by_rows=False, gate=None, grid=None, extra=0, odd=False):
        n = rows if n is None else n
        stride = up(columns, 8) + extra
        weights = torch.cat([rand(n), full(16, NAN)])
        used, index = arange(n) % every == 0, None
        if by_rows:
            index = torch.cat([torch.randperm(rows, device=DEVICE)[:n].to(I32), full(16, -1, I32)])
            index[:n][rand(n) < 0.05] = -1
            used &= index[:n] >= 0
        named = (index[:n] if by_rows else arange(n)).long()
        matrix = full((rows, stride), NAN, dtype)  # nothing of a row that is not named may get in
        matrix[named[used], :columns] = randn(len(named[used]), columns, dtype=dtype)
        memory = full(parts * columns + 1 + TAIL, UNTOUCHED)
        partial = memory[1:] if odd else memory
        sums, all_sums = room(parts), room(parts)
        self.launch(f"weighted_rows_{suffix(dtype)}", grid or parts * -(-columns // 2048), 256,
                    [weights, ("i32", n), ("i32", every), None if gate is None else i32([gate]), index, matrix, ("i64", stride), ("i32", columns),
                     ("i32", parts), partial, sums, all_sums])
        name = (f"weighted_rows {suffix(dtype)} {rows} x {columns} n {n} every {every} parts {parts}" + " rows" * by_rows +
                (f" gate {gate}" if gate is not None else "") + (f" grid {grid}" if grid else "") + " odd" * odd)
        if gate is not None and gate < 0:
            return self.report(name, [untouched("nothing", memory, 0) for memory in (memory, sums, all_sums)])
        want, absolute = full((parts, columns), 0, F64), full((parts, columns), 0, F64)
        want_sums, want_all = full(parts, 0, F64), full(parts, 0, F64)
        groups = -(-n // every)
        for p in range(parts):
            part = slice(p * groups // parts * every, max(p * groups // parts * every, min((p + 1) * groups // parts * every, n)))
            mine = used[part]
            w, m = weights[:n][part][mine].to(F64), matrix[named[part][mine], :columns].to(F64)
            want[p], absolute[p], want_sums[p], want_all[p] = w @ m, w @ m.abs(), w.sum(), weights[:n][part].to(F64).sum()
        self.report(name, [
            close("partial", partial[:parts * columns].view(parts, columns), want, 2e-6 * absolute), untouched("partial", partial, parts * columns),
            close("weight_sums", sums[:parts], want_sums, 2e-6 * want_sums), untouched("weight_sums", sums, parts),
            close("all_sums", all_sums[:parts], want_all, 2e-6 * want_all), untouched("all_sums", all_sums, parts)])

    def sum_parts(self, parts, columns, normalise, grid=None, weights="positive", gate=None):
        partial, all_sums = randn(parts, columns), rand(parts)
        sums = {"positive": rand(parts), "zero": full(parts, 0.0), "negative": full(parts, -1.0)}[weights]
        result, total = room(columns), room(1)
        self.launch("sum_parts", grid or -(-columns // 64), 256,
                    [partial, sums, all_sums, ("i32", parts), ("i32", columns), ("i32", normalise),
                     None if gate is None else i32([gate]), result, total])
        name = f"sum_parts {parts} x {columns} normalise {normalise} {weights} grid {grid} gate {gate}"
        if gate is not None and gate < 0:
            return self.report(name, [untouched("nothing", memory, 0) for memory in (result, total)])
        used, everything = sums.to(F64).sum(), all_sums.to(F64).sum()
        want, size = partial.to(F64).sum(0), partial.to(F64).abs().sum(0)
        if normalise:
            want, size = (want / used, size / used) if used > 0 else (want * 0, size * 0)
        self.report(name, [
            close("result", result[:columns], want, 1e-6 * size), untouched("result", result, columns),
            close("total", total[:1], everything[None], 1e-6 * everything), untouched("total", total, 1)])

    def dropped_mass(self, n, slots, enabled, reports, grid=None, count=None):
        padded = max(128, up(n, 128))
        blocks, positions, tiles = padded // 128, padded + 77, slots // 256
        counts = randint(0, slots + 1, blocks).to(I32)
        counts[0] = slots
        counts[1:2] = 0
        kept, left = full((tiles, padded), NAN), full(padded, 0, F64)
        for b in range(blocks):
            used, tokens = -(-int(counts[b]) // 256), slice(b * 128, (b + 1) * 128)
            kept[:used, tokens] = rand(used, 128) * 1.5 / max(used, 1)
            left[tokens] = (1 - kept[:used, tokens].to(F64).sum(0)).clamp_min(0)
        weight = randn(padded)
        rows = full(padded, -1, I32)
        rows[:n] = torch.randperm(positions, device=DEVICE)[:n].to(I32)
        count = n if count is None else count
        mass, dropped, without_weight = room(padded), room(positions), room(padded)
        self.launch("dropped_mass", grid or -(-padded // 256), 256,
                    [kept, ("i32", padded), counts, weight, rows, i32([count]), ("i32", enabled), mass, dropped if reports else None,
                     without_weight if enabled else None])
        name = f"dropped_mass n {n} slots {slots} enabled {enabled} reports {reports} grid {grid} count {count}"
        if count < 0:
            return self.report(name, [untouched("nothing", memory, 0) for memory in (mass, dropped, without_weight)])
        want_left = full(padded, 0 if enabled else UNTOUCHED, F64)
        if enabled:
            want_left[:n] = left[:n]
        want_mass, want_dropped = full(padded, 0, F64), full(positions + TAIL, UNTOUCHED, F64)
        want_mass[:n] = left[:n] * weight[:n].to(F64) * enabled
        if reports:
            want_dropped[rows[:n].long()] = left[:n]
        self.report(name, [close("mass", mass[:padded], want_mass, 1e-6 * weight.to(F64).abs()), untouched("mass", mass, padded),
                           close("dropped", dropped, want_dropped, 1e-6), close("left", without_weight[:padded], want_left, 1e-6),
                           untouched("left", without_weight, padded)])

    def tail_tilt(self, dtype, vocab, columns, stride, weights="positive", count=1, total=None):
        matrix = full((vocab, stride), NAN, dtype)
        matrix[:, :columns] = randn(vocab, columns, dtype=dtype) + 0.1
        direction = {"positive": rand(vocab), "zero": full(vocab, 0.0)}[weights]
        tail, mean_row, tilt = room(columns), randn(columns), room(1)
        tail[:columns] = 0.1 * randn(columns)
        before = tail.clone()
        whole = None if total is None else full(1, total)
        self.launch(f"tail_tilt_{suffix(dtype)}", 8, 1024,
                    [direction, ("i32", vocab), matrix, ("i64", stride), ("i32", columns), i32([count]), mean_row, whole, tail, tilt])
        name = f"tail_tilt {suffix(dtype)} {vocab} x {columns} of {stride} {weights} count {count} total {total}"
        if count < 0:
            return self.report(name, [same("tail", tail, before), untouched("nothing", tilt, 0)])
        some = (2 * arange(256) + 1) * vocab // 512
        q, squares = direction[some].to(F64), matrix[some, :columns].to(F64).square().sum(1)
        length = before[:columns].to(F64).square().sum()
        want = 7 / 8 * ((q @ squares / q.sum() - length) / columns).clamp_min(0) if q.sum() > 0 and total != 0 else full((), 0, F64)
        want_tail = before.to(F64)
        want_tail[:columns] -= want * mean_row.to(F64) / (total or 1)
        self.report(name, [close("tilt", tilt[:1], want[None], 1e-5 * want + 1e-12), untouched("tilt", tilt, 1),
                           close("tail", tail, want_tail, 1e-5 * (1 + want_tail.abs()))])

    # ------------------------------------------------------------------------------------------------ dC

    def mark_entries(self, name, dtype, grid=None, count=None, **options):
        c = Classes(dtype, **options)
        heavy = len(c.heavy_list)
        g, want = c.g.clone(), full((c.blocks, c.slots, 4), UNTOUCHED, I32)
        for b, listed in enumerate(c.counts):  # tiles of 256 slots without those that are all heavy
            looked = slice(heavy // 256 * 256, up(listed, 256))
            rows = slice(b * 128, (b + 1) * 128)
            g[rows, looked] = g[rows, looked].nan_to_num(0)  # behind tokens and lists G is zero
            want[b, looked] = c.entries[b, looked]
        entries = room(want.numel(), I32)
        self.launch(f"mark_entries_{suffix(dtype)}", grid or c.blocks * c.slots // 256, 128,
                    [g, ("i64", c.slots), c.lists, ("i32", c.slots), i32(c.counts), ("i32", c.blocks), i32([heavy]), c.labels, c.prob_weight,
                     i32([c.n if count is None else count]), ("f32", c.limit), entries])
        if count is not None and count < 0:
            want.fill_(UNTOUCHED)
        self.report(f"mark_entries {suffix(dtype)} {name}: n {c.n} V {c.vocab} slots {c.slots} heavy {heavy} grid {grid} count {count}", [
            same("entries", entries[:want.numel()], want.view(-1)), untouched("entries", entries, want.numel())])

    def grad_classes(self, name, dtype, grid=None, count=None, **options):
        c = Classes(dtype, **options)
        entry = f"grad_classes_{suffix(dtype)}"
        name = f"grad_classes {suffix(dtype)} {name}: n {c.n} V {c.vocab} D {c.hidden} heavy {len(c.heavy_list)} grid {grid}"
        self.launch(entry, grid or c.words_in_use(), 128, c.arguments(count))
        if count is not None and count < 0:
            return self.report(name + f" count {count}", [same("dC", c.memory, UNTOUCHED)])
        want, size = c.reference()
        unit, least = (2.0**-8, 1e-38) if dtype == BF16 else (2.0**-11, 3.1e-8)
        got = c.dc()[:, :c.hidden].clone()
        problems = [close("dC", got, want, unit * want.abs() + 3e-6 * size + least)]
        c.dc()[:, :c.hidden] = UNTOUCHED
        problems.append(same("outside of dC", c.memory, UNTOUCHED))
        self.launch(entry, 5 if grid is None else c.words_in_use(), 128, c.arguments(count))
        self.report(name, problems + [same("again, with another grid", c.dc()[:, :c.hidden], got)])


class Classes:
    """The arguments of grad_classes. `common` classes are needed by all blocks, each block needs up to `own` others; `above`: the part of the
    entries of G that reach the limit; a class that `heavy_share` blocks need is heavy; `frequent`: common classes have the lowest numbers;
    `offset` and `dc_stride`: where dC lies."""

    def __init__(self, dtype, n, vocab, hidden, common, own, above, offset=0, dc_stride=None, correct=1, total=3.0, frequent=False, heavy_share=0):
        self.__dict__.update(n=n, vocab=vocab, hidden=hidden, correct=correct, offset=offset)
        self.padded = max(128, up(n, 128))
        self.blocks, self.words = self.padded // 128, words_of(vocab)
        order = arange(vocab) if frequent else torch.randperm(vocab, device=DEVICE)
        needed = torch.zeros(self.blocks, vocab, dtype=torch.bool, device=DEVICE)
        needed[:, order[:common]] = True
        for b in range(self.blocks):
            needed[b, randint(0, vocab, own)] = True
        if vocab > 40:
            needed[:, vocab - 1] = True
            needed[:, vocab - 33] = False
        needed[self.blocks - 1, 0] = True
        # Heavy classes stand first in every list; their dC is another kernel's.
        self.is_heavy = needed.sum(0) >= (heavy_share or self.blocks + 1)
        self.heavy_list, self.own = self.is_heavy.nonzero()[:, 0], needed & ~self.is_heavy
        self.needed, self.heavy = pack_bits(needed), pack_bits(self.is_heavy)
        self.ranks = places_of(self.own, len(self.heavy_list))
        self.counts = (self.own.sum(1) + len(self.heavy_list)).tolist()
        self.slots = max(up(max(self.counts), 256), 256)
        self.lists = full((self.blocks, self.slots), -1, I32)
        for b, count in enumerate(self.counts):
            self.lists[b, :count] = torch.cat([self.heavy_list, self.own[b].nonzero()[:, 0]]).to(I32)
        self.limit = 2.0**-12
        self.prob_weight = torch.where(rand(self.padded) < 0.5, -1.0, 1.0) * rand(self.padded) * 256
        self.prob_weight[::17] = 0
        self.prob_weight[n:] = 0
        self.g = full((self.padded, self.slots), NAN, dtype)
        size = self.limit * self.prob_weight.abs() + 1e-4
        for b, classes in enumerate(self.counts):
            rows = slice(b * 128, max(b * 128, min((b + 1) * 128, n)))
            shape = (rows.stop - rows.start, classes)
            value = rand(*shape) * torch.where(rand(*shape) < above, 30.0, 0.99) * size[rows, None]
            value *= torch.where(rand(*shape) < 0.5, -1.0, 1.0)
            value[rand(*shape) < 0.01] = 0
            self.g[rows, :classes] = value.to(dtype)
        positions = self.padded + 50
        self.labels, self.rows = full(self.padded, -1, I32), full(self.padded, -1, I32)
        self.rows[:n] = torch.randperm(positions, device=DEVICE)[:n].to(I32)
        self.labels[:n] = torch.cat([torch.multinomial(needed[b].float(), 128, replacement=True) for b in range(self.blocks)])[:n].to(I32)
        # A bit for every token of a block and slot of its list: [blocks, slots, 4 words].
        g, lists = self.g.to(F32).view(self.blocks, 128, -1), self.lists[:, None]
        least, labels = self.limit * self.prob_weight.abs().view(self.blocks, 128, 1), self.labels.view(self.blocks, 128, 1)
        self.takes = ((g.abs() >= least) | (labels == lists)) & (g != 0) & ~g.isnan()
        self.entries = (self.takes.transpose(1, 2).unflatten(2, (4, 32)).to(I32) << arange(32).to(I32)).sum(-1).to(I32)
        self.e_stride = up(hidden, 8) + 8
        self.e = full((positions, self.e_stride), NAN, dtype)
        self.e[self.rows[:n].long(), :hidden] = randn(n, hidden, dtype=dtype)
        self.direction, self.total, self.tail = full(up(vocab, 512), NAN), full(1, total), full(up(hidden, 8), NAN)
        self.direction[:vocab], self.tail[:hidden] = rand(vocab), randn(hidden)
        self.corrects = bool(correct) and total > 0
        if not self.corrects:
            self.direction[:], self.tail[:] = NAN, NAN
        self.alpha = full(1, 0.37)
        self.dc_stride = dc_stride or hidden
        self.memory = full(vocab * self.dc_stride + offset + TAIL, UNTOUCHED, dtype)

    def dc(self):
        return self.memory[self.offset:][:self.vocab * self.dc_stride].view(self.vocab, self.dc_stride)

    def words_in_use(self):
        return -(-self.vocab // 32)

    def arguments(self, count=None):
        return [self.needed, self.ranks, self.heavy, self.entries, ("i32", self.words), ("i32", self.slots), ("i32", self.blocks), self.g,
                ("i64", self.slots), self.e, ("i64", self.e_stride), self.rows,
                i32([self.n if count is None else count]), ("i32", self.hidden), ("i32", self.vocab), self.direction, self.total,
                self.tail, ("i32", self.correct), self.alpha, self.memory[self.offset:], ("i64", self.dc_stride)]

    def reference(self):
        """dC, and the sum of the sizes of what it is the sum of, in float64."""
        want, size = (torch.zeros(self.vocab, self.hidden, dtype=F64, device=DEVICE) for _ in range(2))
        for b in range(self.blocks):
            rows = slice(b * 128, max(b * 128, min((b + 1) * 128, self.n)))
            classes = self.own[b].nonzero()[:, 0]
            light = slice(len(self.heavy_list), self.counts[b])
            g = torch.where(self.takes[b, :rows.stop - rows.start, light], self.g[rows, light].to(F64), 0)
            e = self.e[self.rows[rows].long(), :self.hidden].to(F64)
            want[classes] += g.T @ e
            size[classes] += g.abs().T @ e.abs()
        if self.corrects:
            more = (self.direction[:self.vocab].to(F64) / self.total.to(F64))[:, None] * self.tail[:self.hidden].to(F64)
            want += more
            size += more.abs()
        want, size = want * self.alpha.to(F64), size * self.alpha.to(F64)
        want[self.is_heavy] = UNTOUCHED
        return want, size


def run_tests(tests):
    quick = tests.quick
    for case in [(1, 5, "random"), (1, 50257, "last"), (300, 33, "all"), (1000, 32, "all"), (8192, 50257, "zipf"), (8192, 50257, "zipf", 3),
                 (0, 50257, "random"), (128, 50257, "same"), (5000, 600001, "random")] + (
                     [] if quick else [(8191, 256000, "random"), (4097, 262145, "random"), (20000, 256000, "ends")]):
        tests.count_labels(*case)
    for case in [(5, 256, 0.5, 1), (33, 256, 1.0, 1), (1, 256, 0.0, 1), (2049, 256, 0.01, 2), (50257, 1024, 0.01, 49), (50257, 256, 0.01, 49),
                 (32768, 2048, 0.0, 32), (262145, 16384, 0.002, 256), (600001, 2048, 0.001, 585), (1000, 256, 0.1, 1), (777, 256, 1.0, 3)]:
        tests.head_classes(*case)
    for case in [(1, 1, 1, "plain", 1), (127, 3, 4, "plain", 1), (128, 1, 2, "plain", 1), (1000, 4, 4, "plain", 4), (1000, 4, 4, "plain", 1, 1),
                 (300, 4, 4, "no head", 2), (300, 0, 4, "plain", 2), (0, 2, 2, "plain", 1), (500, 5, 3, "some empty", 2), (257, 2, 2, "label wins", 2),
                 (300, 4, 4, "no sample", 2), (200, 3, 3, "nothing", 1), (500, 2, 16, "alike", 2),
                 (500, 2, 1, "alike", 2), (500, 2, 4, "all sampled", 2), (70000, 4, 4, "plain", 20)]:
        tests.filter_threshold(*case)
    for n in (7, 9, 1000, 2049, 8192):
        tests.filter_threshold(n, 2, 3, "plain", 5)
    tests.filter_threshold(1000, 2, 3, "plain", 5, tallied=0)
    tests.filter_threshold(5000, 2, 3, "plain", 5, tallied=100)
    for case in [(1, 1, 1.0, 128, 1), (1, 1, 0.0, 128, 1), (1000, 8, 0.02, 128, 4), (8192, 16, 0.1, 1024, 32), (8192, 16, 0.5, 1024, 7),
                 (300, 3, 1.0, 300, 2), (0, 2, 0.5, 128, 1)]:
        tests.missed_tokens(*case)

    for dtype in (BF16, F16):
        for case in [(1, 8, 8), (255, 8, 16), (257, 264, 264), (3001, 512, 512), (50257, 776, 776), (1000, 2304, 2304), (600, 4096, 4104)]:
            tests.tail_tilt(dtype, *case)
        tests.tail_tilt(dtype, 1000, 64, 64, weights="zero")
        tests.tail_tilt(dtype, 1000, 64, 64, count=-1)
        tests.tail_tilt(dtype, 5000, 1096, 1104, total=-2.5)
        tests.tail_tilt(dtype, 1000, 9000, 9000, total=0.3)
        tests.tail_tilt(dtype, 1000, 64, 64, total=0)
    for case in [(1, 5, 1, 1), (2, 33, 2, 1), (64, 50257, 32, 7), (3, 600001, 2, 132), (300, 8192, 75, 4), (9, 257, 10, 2)]:
        tests.heavy_classes(*case)
    tests.heavy_classes(9, 1000, 5, 3, unused=4)
    tests.heavy_classes(64, 50257, 32, 7, corrects=False)
    for case in [(1, 5, 256, 1.0, 1), (1, 50257, 256, 0.0, 1), (3, 50257, 8192, 0.01, 2), (3, 50257, 256, 0.01, 3), (2, 262145, 1024, 0.002, 1),
                 (2, 50257, 50432, 1.0, 1), (7, 33, 256, 0.5, 3), (7, 32, 256, 0.5, 7), (4, 8192, 256, 0.03, 4), (4, 65536, 256, "ends", 4),
                 (7, 33, 256, 0.5, 3, 0.5), (5, 50257, 1024, 0.005, 2, 0.004), (3, 50257, 256, 0.001, 4, 0.02), (4, 65536, 256, "ends", 4, 1e-3),
                 (2, 1000, 1024, 1.0, 1, 1.0)] + (
                     [] if quick else [(5, 256000, 32000, 0.1, 2), (65, 256000, 8192, 0.01, 132), (300, 256000, 4096, 0.008, 132),
                                       (2, 600001, 131072, 0.2, 1), (65, 256000, 8192, 0.01, 132, 0.01)]):
        tests.list_classes(*case)
    cases = {
        "all well": (8192, 1000, 1024, MANY, 0.9, 0.5, False), "no place for kept": (8192, 1000, 1024, MANY, 0.9, 0.5, False, True),
        "no place for kept, dense": (8192, 1000, 1024, MANY, 0.2, 0.5, True, True),
        "list as long as slots": (1000, 1024, 1024, MANY, 0.9, 0.5, False), "one list too long": (1000, 1025, 1024, MANY, 0.9, 0.5, True),
        "sum at the limit": (5000, 100, 256, ("sum", 0), 0.9, 0.5, False), "sum over the limit": (5000, 100, 256, ("sum", 1), 0.9, 0.5, True),
        "all missed tokens marked again": (5000, 100, 256, MANY, 0.9, 0.5, False, False, 100),
        "too many missed tokens": (5000, 100, 256, MANY, 0.9, 0.5, True, False, 101),
        "mass too small": (5000, 100, 256, MANY, 0.3, 0.5, True), "no token": (0, 0, 256, MANY, 0.9, 0.5, True),
        "one token": (1, 5, 256, MANY, 0.9, 0.5, False), "no class at all": (777, 0, 256, MANY, 0.9, 0.0, False),
        "NaN": (5000, 100, 256, MANY, NAN, 0.5, True), "200000 tokens": (200001, 4000, 4096, MANY, 0.6, 0.5, False),
        "a sum of 64 bits": (2000001, 300000, 300032, MANY, 0.6, 0.5, False),
        "a sum of 64 bits, too large": (2000001, 300000, 300032, 1 << 31, 0.6, 0.5, True)}
    for name, case in cases.items():
        tests.choose_path(name, *case)

    for dtype in (BF16, F16):
        tests.weighted_rows(dtype, 1000, 72, 3)
        tests.weighted_rows(dtype, 1000, 70, 3, every=3)
        tests.weighted_rows(dtype, 1000, 512, 7, by_rows=True, n=333)
        tests.weighted_rows(dtype, 300, 2304, 5, by_rows=True, n=257, gate=0, grid=3)
        tests.weighted_rows(dtype, 1500, 2304, 2, every=2, n=1499, gate=7)
        tests.weighted_rows(dtype, 5000, 768, 11, gate=4999, n=4999, extra=8)
        tests.weighted_rows(dtype, 5000, 768, 3, every=4, by_rows=True)
        tests.weighted_rows(dtype, 700, 4096, 2, grid=1)
        tests.weighted_rows(dtype, 700, 2056, 4)
        tests.weighted_rows(dtype, 700, 512, 4, odd=True)
        tests.weighted_rows(dtype, 10, 512, 16, every=3)
        tests.weighted_rows(dtype, 10, 512, 3, n=0)
        tests.weighted_rows(dtype, 10, 512, 3, gate=-1)
        if not quick:
            tests.weighted_rows(dtype, 50257, 768, 396)
            tests.weighted_rows(dtype, 256000, 2304, 198)
            tests.weighted_rows(dtype, 256000, 2304, 198, every=4)
            tests.weighted_rows(dtype, 16384, 4096, 64, by_rows=True, n=9000, gate=9000)
    for normalise in (0, 1):
        for case in [(396, 2304, normalise), (1, 72, normalise), (17, 4097, normalise, 3), (1000, 513, normalise)]:
            tests.sum_parts(*case)
    for case in [(15, 300, 1, None, "zero"), (15, 300, 1, None, "negative"), (15, 300, 0, None, "zero"),
                 (15, 300, 1, None, "positive", 0), (15, 300, 1, None, "positive", -1)]:
        tests.sum_parts(*case)
    for case in [(1000, 2048, 1, True), (1000, 2048, 0, True), (8192, 1280, 1, False, 5), (128, 256, 1, True), (1, 768, 1, True),
                 (300, 512, 1, True, 1), (300, 512, 1, True, None, -1)]:
        tests.dropped_mass(*case)

    few = dict(common=20, own=30, above=0.08)
    for dtype in (BF16, F16):
        mark = lambda name, n, vocab, **options: tests.mark_entries(name, dtype, n=n, vocab=vocab, hidden=8, **options)
        mark("small", 200, 500, **few)
        mark("one token, odd V", 1, 33, common=2, own=3, above=0.5)
        mark("one class", 130, 1, common=1, own=1, above=0.5)
        mark("full columns", 700, 3000, common=40, own=600, above=1.0)
        mark("nothing above", 300, 300, common=10, own=10, above=0.0)
        mark("small grid", 513, 5000, grid=3, common=300, own=700, above=0.08)
        mark("another path", 200, 500, count=-1, **few)
        mark("heavy classes", 1000, 3000, heavy_share=4, common=600, own=300, above=0.08)
        mark("heavy classes only", 1000, 3000, heavy_share=1, common=600, own=0, above=0.08)
        mark("200 blocks", 25540, 300, common=5, own=9, above=0.05)
        run = lambda name, n, vocab, hidden, **options: tests.grad_classes(name, dtype, n=n, vocab=vocab, hidden=hidden, **options)
        run("small", 200, 500, 72, **few)
        run("one token, odd V", 1, 33, 72, common=2, own=3, above=0.5)
        run("one class", 130, 1, 72, common=1, own=1, above=0.5)
        run("full columns", 700, 130, 512, common=40, own=10, above=1.0)
        run("nothing above", 300, 300, 512, common=10, own=10, above=0.0)
        run("misaligned", 300, 999, 768, offset=1, dc_stride=771, **few)
        run("wide rows", 300, 257, 768, offset=8, dc_stride=1024, **few)
        run("D no multiple of 8", 300, 257, 1099, dc_stride=1104, **few)
        run("small grid", 513, 640, 2304, grid=3, **few)
        run("D 1032", 130, 100, 1032, **few)
        run("no correction", 200, 500, 512, correct=0, **few)
        run("total 0", 200, 500, 512, total=0.0, **few)
        run("another path", 200, 500, 512, count=-1, **few)
        run("65 blocks", 8197, 300, 72, common=5, own=9, above=0.05)
        run("heavy classes", 1000, 700, 512, heavy_share=4, **few)
        run("heavy classes, misaligned", 8960, 333, 72, offset=1, dc_stride=75, heavy_share=10, common=5, own=20, above=0.05)
        run("200 blocks", 25540, 300, 72, common=5, own=9, above=0.05)
        # More entries than the list has room for in 32 classes, and in one, whose columns take three passes.
        run("several lists", 1300, 60, 520, common=20, own=9, above=0.4)
        run("several lists a class", 4500, 40, 4168, common=2, own=2, above=1.0)
        if not quick:
            run("GPT-2", 4000, 50257, 768, common=300, own=500, above=0.07, heavy_share=16)
            run("many blocks", 40000, 5000, 512, common=50, own=100, above=0.05)
            run("D 4096", 3000, 8000, 4096, common=300, own=300, above=0.05)
            run("odd V, misaligned", 3001, 50257, 2304, offset=3, dc_stride=2305, common=100, own=300, above=0.07)


def run_times(tests):
    """At the size of Gemma 2 2B. Bytes: what a kernel that runs at the speed of memory has to move."""
    n, vocab, hidden, slots = 8192, 256000, 2304, 8192
    blocks, words = n // 128, words_of(vocab)
    processors = torch.cuda.get_device_properties(0).multi_processor_count

    def show(entry, grid, block, arguments, moved=0, what=""):
        seconds = tests.launcher.time(tests.path(entry), entry, grid, block, arguments)
        print(f"{entry}{what}: {seconds * 1e6:.1f} us" + (f", {moved / seconds / 1e12:.2f} TB/s" if moved else ""), flush=True)

    count, x, y, one, two, real = i32([n]), full(n, 0), full(n, 0), room(1, I32), room(1, I32), room(1)
    labels, seen, needed = randint(0, vocab, n).to(I32), full(3 * words, 0, I32), pack_bits(rand(blocks, vocab) < 0.01)
    show("count_labels", n // 256, 256, [labels, count, ("i32", vocab), ("i32", words), seen, full(blocks * words, 0, I32)])
    show("head_classes", 1, 1024, [seen, ("i32", words), ("i32", vocab), room(n, I32), ("i32", n), one, ("i32", 250), room(1024, I32),
                                   ("i32", 1024), two, real])
    states = full((8, n, 2), 1)
    show("filter_threshold", n // 256, 256, [states, ("i32", 4), states, ("i32", 4), ("i32", n), labels, seen, ("i32", 250), real, x, count, ("f32", -8.0),
                                             y, room(n), room(n // 8, I32), room(n // 8), ("i32", n // 8), room(2, I32), ("i32", 16),
                                             room(n)])
    show("missed_tokens", n // 256, 256, [states, ("i32", 8), ("i32", n), labels, count, ("f32", -8.0), full(n, -INF), room(n // 8, I32),
                                          room(n // 8), room(n // 8, I32), ("i32", n // 8), room(2, I32)])
    heavy = full(words, 0, I32)
    show("heavy_classes", words // 8, 256, [needed, ("i32", blocks), ("i32", words), ("i32", blocks // 4), heavy, room(words * 32, I32), count,
                                            ("i32", vocab), room(vocab)])
    counts = room(blocks, I32)
    show("list_classes", blocks + 1, 1024, [needed, heavy, ("i32", blocks), ("i32", words), ("i32", slots), room(blocks * slots, I32), counts,
                                            room(blocks * words, I32), room(slots, I32), one])
    show("choose_path", 1, 1024, [counts, ("i32", blocks), ("i32", slots), ("i64", MANY), x, y, count, ("i32", vocab), ("f32", 0.5),
                                  room(2, I32), ("i32", n // 8), one, two, real])
    matrix, weights = randn(vocab, hidden, dtype=BF16), rand(vocab)
    parts = 4 * processors
    partial, sums, all_sums = full((parts, hidden), 0), full(parts, 0), full(parts, 0)
    for every in (1, 4):
        show("weighted_rows_bf16", parts * -(-hidden // 2048), 256,
             [weights, ("i32", vocab), ("i32", every), None, None, matrix, ("i64", hidden), ("i32", hidden), ("i32", parts), partial, sums, all_sums],
             2 * matrix.numel() // every, f" every {every}")
    show("sum_parts", -(-hidden // 64), 256, [partial, sums, all_sums, ("i32", parts), ("i32", hidden), ("i32", 1), None, room(hidden), real])
    del matrix
    show("dropped_mass", n // 256, 256, [full((slots // 256, n), 0.01), ("i32", n), full(blocks, 2000, I32), y, arange(n).to(I32), count, ("i32", 1),
                                         room(n), None, None])
    for what, options in (("", dict(common=1000, own=1000, above=0.075)), (" with heavy classes", dict(common=1000, own=1000, above=0.075,
                          heavy_share=blocks // 4)), (" without gradient", dict(common=0, own=1, above=0.0))):
        c = Classes(BF16, n, vocab, hidden, **options)
        show("mark_entries_bf16", c.blocks * c.slots // 256, 128,
             [c.g, ("i64", c.slots), c.lists, ("i32", c.slots), i32(c.counts), ("i32", c.blocks), i32([len(c.heavy_list)]), c.labels, c.prob_weight,
              count, ("f32", c.limit), c.entries.clone()], 2 * 128 * sum(c.counts), what)
        show("grad_classes_bf16", min(c.words_in_use(), 6 * processors), 128, c.arguments(), 2 * vocab * hidden, what)


if __name__ == "__main__":
    main(__doc__, KERNELS, FilterTests, run_tests, run_times)
