//===- OnlineLse.cpp - the log-sum-exp of rows, a tile at a time ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/OnlineLse.h"
#include "compiler/nvptx/Picks.h"
#include "compiler/nvptx/Tallies.h"
#include <limits>
#include <numbers>

using namespace mlir;
using namespace mlir::cce;

static Value minusInfinity(PtxBuilder &b) { return b.cf(-std::numeric_limits<double>::infinity()); }

/// The maximum to subtract: 0 for rows that have only seen -inf, so that -inf - -inf never occurs.
static Value finiteMaximum(PtxBuilder &b, Value maximum) {
  Value isEmpty = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, maximum, minusInfinity(b));
  return b.select(isEmpty, b.cf(0.0), maximum);
}

SmallVector<Value> OnlineLse::initial() {
  Value none = minusInfinity(b), zero = b.cf(0.0);
  return {none, zero, none, zero};
}

LogicalResult OnlineLse::update(Value logits, Value tileColumn) {
  if (Value reference = LseUpdateOp(product.update).getReference())
    return updateAt(reference, logits, tileColumn);
  SmallVector<Value> values;
  for (int half = 0; half < 2; ++half)
    for (int group = 0; group < fragment.groups(); ++group)
      for (int pair = 0; pair < 2; ++pair) {
        values.push_back(fragment.get(logits, {group, half, pair}));
        if (!values.back())
          return failure();
      }
  // Only the last tile of the axis has columns beyond it.
  Value extent = arguments.extent(product.nAxis);
  Value full = b.cmp(arith::CmpIPredicate::sle, b.add(tileColumn, product.tileN), extent);
  values = b.ifValues(
      full, [&] { return values; },
      [&] {
        SmallVector<Value> masked;
        for (auto [i, value] : llvm::enumerate(values)) {
          int column = i % (2 * fragment.groups());
          Value exists = b.lt(fragment.getColumn(column / 2, column % 2), extent);
          masked.push_back(b.select(exists, value, minusInfinity(b)));
        }
        return masked;
      });
  int columns = 2 * fragment.groups();
  ArrayRef<Value> halves[2] = {ArrayRef<Value>(values).take_front(columns), ArrayRef<Value>(values).drop_front(columns)};
  std::optional<WordSums> terms;
  for (MarkOp op : product.marks) {
    if (op.getValue() != logits)
      return op.emitOpError("expected to mark what the log-sum-exp is taken of on sm_90a");
    // Words are told by terms below a maximum that is known before the tile.
    if (keepsMaximum())
      return op.emitOpError("expected neither cce.save nor a gathered second operand in its reduction on sm_90a");
    if (!terms)
      terms = sumWords(halves);
    if (failed(markGroup(b, fragment, arguments, product, op, values, tileColumn, *terms)))
      return failure();
  }
  for (TallyOp op : product.tallies) {
    if (op.getValue() != logits)
      return op.emitOpError("expected to tally what the log-sum-exp is taken of on sm_90a");
    if (failed(tallyBelow(b, fragment, arguments, product, op, values, tileColumn)))
      return failure();
  }
  for (PickOp op : product.picks) {
    if (op.getValue() != logits)
      return op.emitOpError("expected to pick from what the log-sum-exp is taken of on sm_90a");
    if (failed(pickLabels(b, fragment, arguments, product, op, values, tileColumn)))
      return failure();
  }
  if (keepsMaximum())
    updateWithMaximum(halves);
  else
    updateBelow(halves, terms ? &*terms : nullptr);
  // Last: ptxas 13.0 then needs no more registers than there are.
  for (SaveOp op : product.saves)
    if (failed(save(op, values, tileColumn)))
      return failure();
  for (StoreOp store : product.tileStores)
    if (failed(fragment.store(store, {})))
      return failure();
  return success();
}

/// The conversion to an integer would run at the rate of ex2. Added to 2^23 instead, a number below 2^23 has
/// its integer, rounded to nearest, in the low bits of the sum. -inf, and what is left of a row that is all
/// -inf, NaN, become the largest code by the comparison. Of tokens, whose states alone are stored, buffers
/// hold whole tiles.
LogicalResult OnlineLse::save(SaveOp op, ArrayRef<Value> logits, Value tileColumn) {
  if (op.getValue() != LseUpdateOp(product.update).getValue())
    return op.emitOpError("expected to save what the log-sum-exp is taken of on sm_90a");
  constexpr int64_t magic = int64_t(1) << 23;
  int columns = 2 * fragment.groups();
  Value lane = b.andi(b.threadId(), 31);
  Value writes = b.eq(b.andi(lane, 3), b.c32(0));
  Value tile = b.divu(tileColumn, b.c32(product.tileN));
  Value entry = b.add(b.mul(b.sext64(tile), arguments.stride(op.getMaxima())),
                      b.sext64(b.afresh(fragment.getRow(0))));
  Value places = b.offset(arguments.pointer(op.getMaxima()), b.mul(entry, b.c64(4)));
  Value maxima[2];
  for (int half = 0; half < 2; ++half) {
    Value &most = maxima[half] = b.maximumOf(logits.slice(half * columns, columns));
    for (int64_t distance : {1, 2})
      most = b.maxf(most, b.shuffleXor(most, distance));
    // The rows of the halves are 8 apart.
    b.ifThen(writes, [&] { b.store(most, b.offset(places, 32 * half), 4); });
  }
  Value steps = b.cf(SaveOp::steps), zero = b.cf(magic), limit = b.cf(magic + SaveOp::nothing);
  auto code = [&](int half, int column) -> Value {
    Value below = b.subf(maxima[half], logits[half * columns + column]);
    Value sum = b.minf(b.fma(below, steps, zero), limit);
    return LLVM::BitcastOp::create(b, b.i32(), sum);
  };
  constexpr int panelGroups = StagedStore::panelGroups;
  for (int first = 0; first < fragment.groups(); first += panelGroups) {
    SmallVector<Value> words[2];
    for (int group = first; group < first + panelGroups; ++group)
      for (int half = 0; half < 2; ++half)
        words[half].push_back(
            b.pickBytes(code(half, 2 * group), code(half, 2 * group + 1), 0x5410));
    ArrayRef<Value> pairs[2] = {words[0], words[1]};
    fragment.storeRows(op.getCodes(), first, pairs);
  }
  return success();
}

/// The largest term of some of a list of classes has to be that (filter_threshold.mlir), and where logits are saved maxima are at hand.
bool OnlineLse::keepsMaximum() const { return product.rhs.gather || !product.saves.empty(); }

/// A sum is right below any number that does not make it overflow, so the maximum need not be looked for in every tile: the one that is
/// known stays as long as it does, and where it does not, as in the first tile, the sum is infinite or NaN at worst and is made again.
/// 2^100 leaves room for what merging states adds up. The exponent of a term is rounded as a number of its size, which so far above the
/// maximum is 2^-18; at 16 it is 2^-20, as much as a log-sum-exp of 16 is rounded by.
void OnlineLse::updateBelow(ArrayRef<Value> (&logits)[2], const WordSums *terms) {
  const SmallVector<Value> before = state;
  Value sums[2], fit = b.ctrue();
  for (int half = 0; half < 2; ++half) {
    sums[half] = terms ? terms->totals[half] : addTerms(before[2 * half + 1], logits[half], b.negf(before[2 * half]));
    fit = b.andi(fit, arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, sums[half], b.cf(0x1p100)));
  }
  state = b.ifValues(
      b.all(fit), [&] { return SmallVector<Value>{before[0], sums[0], before[2], sums[1]}; },
      [&] {
        updateWithMaximum(logits);
        return state;
      });
}

void OnlineLse::updateWithMaximum(ArrayRef<Value> (&logits)[2]) {
  for (int half = 0; half < 2; ++half) {
    Value most = b.maximumOf(logits[half]);
    Value &maximum = state[2 * half], &sum = state[2 * half + 1];
    Value larger = b.maxf(maximum, b.mulf(most, b.cf(std::numbers::log2e)));
    Value shift = finiteMaximum(b, larger);
    Value correction = b.ex2(b.subf(maximum, shift));
    sum = addTerms(b.mulf(sum, correction), logits[half], b.negf(shift));
    maximum = larger;
  }
}

WordSums OnlineLse::sumWords(ArrayRef<Value> (&logits)[2]) {
  WordSums terms;
  Value scale = b.cf(std::numbers::log2e);
  for (int half = 0; half < 2; ++half)
    terms.minusShift[half] = b.negf(state[2 * half]);
  for (int start = 0, columns = logits[0].size(); start < columns; start += WordSums::columns)
    for (int half = 0; half < 2; ++half) {
      // One after the other: there are as many sums as it takes for additions not to wait.
      Value sum;
      for (Value logit : logits[half].slice(start, WordSums::columns)) {
        Value term = b.ex2(b.fma(logit, scale, terms.minusShift[half]));
        sum = sum ? b.addf(sum, term) : term;
      }
      terms.sums[half].push_back(sum);
    }
  for (int half = 0; half < 2; ++half)
    terms.totals[half] = b.addf(state[2 * half + 1], b.sumOf(terms.sums[half]));
  return terms;
}

Value OnlineLse::addTerms(Value sum, ArrayRef<Value> logits, Value minusShift) {
  Value scale = b.cf(std::numbers::log2e);
  // Four sums, so that additions need not wait for each other.
  Value sums[4] = {};
  for (auto [i, logit] : llvm::enumerate(logits)) {
    Value term = b.ex2(b.fma(logit, scale, minusShift));
    sums[i % 4] = sums[i % 4] ? b.addf(sums[i % 4], term) : term;
  }
  return b.addf(sum, b.addf(b.addf(sums[0], sums[1]), b.addf(sums[2], sums[3])));
}

/// A panel of 64 columns at a time, while its elements are at hand for the tile that is stored: where that has exp(logit - reference)
/// in it, this is the same number. Only the last tile has columns beyond the axis. They are left out of the sum, not masked among the
/// logits, or there would be two exponentials of each.
LogicalResult OnlineLse::updateAt(Value reference, Value logits, Value tileColumn) {
  Value extent = arguments.extent(product.nAxis);
  Value full = b.cmp(arith::CmpIPredicate::sle, b.add(tileColumn, product.tileN), extent);
  Value scale = b.cf(std::numbers::log2e), minusScale = b.cf(-std::numbers::log2e);
  Value minusShift[2];
  for (int half = 0; half < 2; ++half) {
    Value shift = fragment.get(reference, {0, half, 0});
    if (!shift)
      return failure();
    minusShift[half] = b.mulf(shift, minusScale);
    state[2 * half] = b.negf(minusShift[half]);
  }
  LogicalResult result = success();
  auto addPanel = [&](int first, bool isWhole) {
    SmallVector<Value> terms[2], columns;
    for (int group = first; group < first + StagedStore::panelGroups; ++group)
      for (int pair = 0; pair < 2; ++pair) {
        columns.push_back(fragment.getColumn(group, pair));
        for (int half = 0; half < 2; ++half) {
          Value logit = fragment.get(logits, {group, half, pair});
          if (!logit) {
            result = failure();
            return;
          }
          terms[half].push_back(b.ex2(b.fma(logit, scale, minusShift[half])));
        }
      }
    auto sumsOf = [&](bool areAll) {
      SmallVector<Value> results;
      for (int half = 0; half < 2; ++half) {
        // Four sums, so that additions need not wait for each other.
        Value sums[4] = {};
        for (auto [i, term] : llvm::enumerate(terms[half])) {
          Value counted = areAll ? term : b.select(b.lt(columns[i], extent), term, b.cf(0.0));
          sums[i % 4] = sums[i % 4] ? b.addf(sums[i % 4], counted) : counted;
        }
        Value added = b.addf(b.addf(sums[0], sums[1]), b.addf(sums[2], sums[3]));
        results.push_back(b.addf(state[2 * half + 1], added));
      }
      return results;
    };
    SmallVector<Value> sums =
        isWhole ? sumsOf(true) : b.ifValues(full, [&] { return sumsOf(true); }, [&] { return sumsOf(false); });
    for (int half = 0; half < 2; ++half)
      state[2 * half + 1] = sums[half];
  };
  auto addSomePanel = [&](int first) { addPanel(first, false); };
  if (product.tileStores.empty())
    fragment.forEachPanel(addSomePanel);
  llvm::function_ref<void(int)> beside = addSomePanel;
  for (StoreOp store : product.tileStores) {
    if (!beside || !fragment.storesWholeTiles(store)) {
      if (failed(fragment.store(store, {}, beside)))
        return failure();
      beside = nullptr; // the sums have been added
      continue;
    }
    const SmallVector<Value> before = state;
    auto inBranch = [&](auto body) {
      state = before;
      fragment.inBranch([&] {
        if (failed(body()))
          result = failure();
      });
      return SmallVector<Value>{state[1], state[3]};
    };
    SmallVector<Value> sums = b.ifValues(
        fragment.isWholeTile(store),
        [&] { return inBranch([&] { return fragment.storeWholeTile(store, [&](int first) { addPanel(first, true); }); }); },
        [&] { return inBranch([&] { return fragment.store(store, {}, addSomePanel); }); });
    state = before;
    state[1] = sums[0];
    state[3] = sums[1];
    beside = nullptr;
  }
  return result;
}

LogicalResult OnlineLse::store(StoreOp store, Value part, Value lane) {
  BufferType type = store.getTarget().getType();
  bool hasPart = type.getRank() == 2 && type.getAxes()[0] == product.partAxis;
  if (type.getAxes().back() != product.mAxis || type.getRank() != (hasPart ? 2 : 1) ||
      !isTokens(product.mAxis))
    return store.emitOpError("expected the state to be stored over the part's axis and 'tokens' on "
                             "sm_90a, got ")
           << type;
  Value writes = b.eq(b.andi(lane, 3), b.c32(0));
  for (int half = 0; half < 2; ++half) {
    Value maximum = state[2 * half], sum = state[2 * half + 1];
    for (int64_t distance : {1, 2}) {
      Value otherMaximum = b.shuffleXor(maximum, distance);
      Value otherSum = b.shuffleXor(sum, distance);
      Value larger = b.maxf(maximum, otherMaximum);
      Value shift = finiteMaximum(b, larger);
      // Both threads of a pair add the same two products, so they get the same sum.
      Value mine = b.mulf(sum, b.ex2(b.subf(maximum, shift)));
      Value other = b.mulf(otherSum, b.ex2(b.subf(otherMaximum, shift)));
      sum = b.addf(mine, other);
      maximum = larger;
    }
    Value index = b.sext64(fragment.getRow(half));
    if (hasPart)
      index = b.add(index, b.mul(b.sext64(part), arguments.stride(store.getTarget())));
    Value address = b.offset(arguments.pointer(store.getTarget()), b.mul(index, b.c64(8)));
    b.ifThen(writes, [&] { b.store(b.vector({maximum, sum}), address, 8); });
  }
  return success();
}
