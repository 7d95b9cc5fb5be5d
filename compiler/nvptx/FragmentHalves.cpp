//===- FragmentHalves.cpp - sums in two halves, to and from memory ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// cce.load_halves and cce.store_halves. Between a store and the next load, elements lie where it suits the threads that hold them.
//
// Sums of tokens (dE): a thread's upper halves of four groups of columns are a piece of 16 bytes of their row, beside those of the three
// other lanes that share it: two pieces in a panel of 64 columns, 64 bytes apart. Of the lower halves, 8 bits each, it has 16 bytes of the row in a panel.
// Rows that are not whole, which a matrix of the caller's may have, keep each element in its own place.
//
// Sums of classes (dC): of a warp's strip of 16 rows and a panel of 64 columns the upper halves are 16 times 128 bytes, and the four pieces
// that a thread has of them (of its two rows, two each) lie so that the warp goes over four whole rows at a time: piece i of lane l in row
// 4 i + l / 8 at byte 16 (l % 8). In memory eight lanes then share a line of 128 bytes, where four would share half of one. The strip that
// has rows behind the last class keeps pieces in the rows that they are of. Lower halves, 4 bits each, are 512 bytes of the workspace for
// strip and panel, 16 for each lane, both rows.
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/Fragment.h"

using namespace mlir;
using namespace mlir::cce;

/// Of the sums of dE panels are asked for before the two in front of them are added. Measured on an H100 with sums of dC of Gemma 2, when
/// they came so: 18.5 ms with one panel, 13.5 with two; four were not better.
static constexpr int halvesAhead = 2 * StagedStore::panelGroups;

/// Upper halves are of 16 bits.
static constexpr int64_t upperBytes = 2, pieceBytes = 16;
/// Between the two pieces that a lane has of a row of a panel, where the four lanes of the row lie side by side.
static constexpr int64_t besideBytes = 4 * pieceBytes;
static constexpr int64_t stripRows = StagedStore::rows, rowsOfPiece = 4, rowsOfHalf = 8;
/// Of a strip's panel.
static constexpr int64_t stripLowerBytes = 32 * pieceBytes;
static constexpr int columnsOfGroup = 8;

static Value inBytes(PtxBuilder &b, Value elements, Value matrix) {
  int64_t bits = cast<BufferType>(matrix.getType()).getElementType().getIntOrFloatBitWidth();
  if (bits == 4)
    return arith::ShRUIOp::create(b, elements, b.c64(1));
  return bits == 8 ? elements : b.mul(elements, b.c64(bits / 8));
}

Value FragmentEvaluator::rowOfHalves(Value matrix, Value row) {
  Value index = b.mul(b.sext64(row), arguments.stride(matrix));
  return b.offset(arguments.pointer(matrix), inBytes(b, index, matrix));
}

Value FragmentEvaluator::withRowsAfresh(llvm::function_ref<void()> body) {
  auto knownRows = rowValues;
  Value outside[2] = {rows[0], rows[1]};
  Value here = b.afresh(lane);
  findRows(here);
  body();
  llvm::copy(outside, rows);
  rowValues = knownRows;
  return here;
}

FragmentEvaluator::HalfPlaces FragmentEvaluator::halfPlaces() {
  HalfPlaces places;
  Value here = withRowsAfresh([&] {
    for (int half = 0; half < 2; ++half) {
      auto [row, exists] = bufferRow(product.upperHalves, half);
      if (!exists && product.hasStrips())
        exists = b.lt(row, arguments.extent(product.mAxis));
      places.exists[half] = exists;
      if (product.hasStrips())
        continue;
      places.upper[half] = rowOfHalves(product.upperHalves, row);
      places.lower[half] = rowOfHalves(product.lowerHalves, rows[half]);
    }
  });
  if (!product.hasStrips()) {
    places.piece = b.andi(here, 3);
    places.beside = b.c64(besideBytes);
    return places;
  }
  Value hasRows = b.cmp(arith::CmpIPredicate::sle, b.add(warpRow, stripRows), arguments.extent(product.mAxis));
  Value hasColumns = b.cmp(arith::CmpIPredicate::sle, b.add(tileColumn, product.tileN), arguments.extent(product.nAxis));
  places.isWhole = b.andi(hasRows, hasColumns);
  Value inUpper = b.mul(b.sext64(tileColumn), b.c64(upperBytes));
  Value rowBytes = b.mul(arguments.stride(product.upperHalves), b.c64(upperBytes));
  Value row = b.add(warpRow, b.select(hasRows, b.shr(here, 3), b.shr(here, 2)));
  Value piece = b.select(hasRows, b.andi(here, 7), b.andi(here, 3));
  places.upper[0] = b.offset(b.offset(rowOfHalves(product.upperHalves, row), inUpper), b.zext64(b.mul(piece, pieceBytes)));
  places.rowDistance = b.mul(rowBytes, b.c64(rowsOfHalf));
  places.beside = b.select(hasRows, b.mul(rowBytes, b.c64(rowsOfPiece)), b.c64(besideBytes));
  Value panels = b.mul(b.zext64(b.shr(tileColumn, 6)), b.c64(stripLowerBytes));
  Value strip = b.offset(rowOfHalves(product.lowerHalves, warpRow), panels);
  places.lower[0] = b.offset(strip, b.zext64(b.mul(here, pieceBytes)));
  return places;
}

Value FragmentEvaluator::upperPiece(const HalfPlaces &places, int half, int group) {
  int64_t inRow = upperBytes * columnsOfGroup * (group / StagedStore::panelGroups * StagedStore::panelGroups);
  Value first = places.upper[half];
  if (!first)
    first = b.offset(places.upper[0], places.rowDistance);
  if (places.piece) {
    Value column = b.add(tileColumn, b.mul(places.piece, pieceBytes / upperBytes));
    first = b.offset(first, b.mul(b.sext64(column), b.c64(upperBytes)));
  }
  Value start = b.offset(first, inRow);
  return group % StagedStore::panelGroups == 0 ? start : b.offset(start, places.beside);
}

Value FragmentEvaluator::lowerPiece(const HalfPlaces &places, int half, int panel) {
  if (product.hasStrips())
    return b.offset(places.lower[0], stripLowerBytes * (panel / StagedStore::panelGroups));
  Value tile = b.offset(places.lower[half], b.sext64(tileColumn));
  return b.offset(b.offset(tile, b.sext64(b.mul(places.piece, pieceBytes))), columnsOfGroup * panel);
}

Value FragmentEvaluator::inPieces() {
  return product.hasStrips() ? b.ctrue() : isWhole(product.upperHalves, pieceBytes);
}

Value FragmentEvaluator::panelExists(int panel) {
  return b.lt(b.add(tileColumn, columnsOfGroup * panel), arguments.extent(product.nAxis));
}

Value FragmentEvaluator::pieceExists(const HalfPlaces &places, int half, int panel) {
  if (!product.hasStrips())
    return places.exists[half];
  return b.andi(panelExists(panel), places.exists[half]);
}

/// Lower halves are there for all rows of a strip that has any.
Value FragmentEvaluator::stripExists(int panel) {
  return b.andi(panelExists(panel), b.lt(warpRow, arguments.extent(product.mAxis)));
}

Value FragmentEvaluator::wantsHalves(Value exists) {
  Value condition = LoadHalvesOp(product.halvesLoad).getCondition();
  Value wanted = condition ? scalarOf(condition) : b.ctrue();
  return exists ? b.andi(wanted, exists) : wanted;
}

void FragmentEvaluator::prefetchFirstHalves() {
  HalfPlaces places = halfPlaces();
  for (int panel = 0; panel < std::min(halvesAhead, groups()); panel += StagedStore::panelGroups)
    loadHalves(places, panel);
}

/// Mostly all of them exist and are wanted. Without a condition for each, registers need no zeros, and addresses none of their own.
void FragmentEvaluator::prefetchAllHalves() {
  tilePlaces = halfPlaces();
  auto load = [&](bool isWhole) {
    SmallVector<Value> words;
    for (int panel = 0; panel < groups(); panel += StagedStore::panelGroups) {
      loadHalves(*tilePlaces, panel, isWhole);
      for (int half = 0; half < 2; ++half) {
        llvm::append_range(words, panels[{panel, half}].upper);
        llvm::append_range(words, panels[{panel, half}].lower);
      }
    }
    return words;
  };
  SmallVector<Value> words =
      b.ifValues(wantsHalves(tilePlaces->isWhole), [&] { return load(true); }, [&] { return load(false); });
  const Value *next = words.begin();
  for (int panel = 0; panel < groups(); panel += StagedStore::panelGroups)
    for (int half = 0; half < 2; ++half)
      for (SmallVector<Value> *loaded : {&panels[{panel, half}].upper, &panels[{panel, half}].lower})
        for (Value &word : *loaded)
          word = *next++;
}

void FragmentEvaluator::takeHalves(int panel) {
  if (tilePlaces)
    return joinHalves(panel);
  if (!product.halvesLoad)
    return;
  // Computed again, not kept beside the words that have been loaded.
  Value here = b.afresh(lane);
  findRows(here);
  findColumn(here);
  // Joined first: there may be branches in it, and all words that have been asked for before are live there.
  joinHalves(panel);
  if (panel + halvesAhead < groups())
    loadHalves(halfPlaces(), panel + halvesAhead);
}

namespace {
/// How the lower halves of a thread's 16 elements of a panel and row lie in words of 32 bits, in the order of groups and
/// pairs: of 8 bits in the four bytes of a word; of 4 bits the first four in the upper halves of the bytes, the next four in
/// the lower ones.
struct LowerWords {
  int64_t bits;
  static constexpr int bytes = 4; ///< of a word
  int elements() const { return static_cast<int>(32 / bits); }
  int perPanel() const { return 2 * StagedStore::panelGroups / elements(); }

  /// Of every element of a word the byte that the upper 16 bits of its f32 are followed by, twice: the missing bits repeat
  /// those that there are, four bytes a word.
  SmallVector<Value> expand(PtxBuilder &b, Value word) const {
    if (bits == 8)
      return {word};
    auto twice = [&](Value upper, Value lower) {
      return b.ori(b.andi(upper, 0xF0F0F0F0), b.andi(lower, 0x0F0F0F0F));
    };
    return {twice(word, b.shr(word, 4)), twice(b.shl(word, 4), word)};
  }
  /// A word of its elements' bits.
  Value pack(PtxBuilder &b, ArrayRef<Value> elements) const {
    auto secondBytes = [&](ArrayRef<Value> four) {
      return b.pickBytes(b.pickBytes(four[0], four[1], 0x0051), b.pickBytes(four[2], four[3], 0x0051), 0x5410);
    };
    Value first = secondBytes(elements.take_front(bytes));
    if (bits == 8)
      return first;
    Value second = secondBytes(elements.drop_front(bytes));
    return b.ori(b.andi(first, 0xF0F0F0F0), b.andi(b.shr(second, 4), 0x0F0F0F0F));
  }
};
} // namespace

void FragmentEvaluator::loadHalves(const HalfPlaces &places, int panel, bool isWhole) {
  auto load = [&](Value address, llvm::function_ref<Value()> isWanted) {
    return isWhole ? b.loadWords(address) : b.loadWordsIf(address, isWanted());
  };
  SmallVector<Value> both; // rows of a strip
  if (product.hasStrips())
    both = load(lowerPiece(places, 0, panel), [&] { return wantsHalves(stripExists(panel)); });
  for (int half = 0; half < 2; ++half) {
    auto isWanted = [&] { return wantsHalves(pieceExists(places, half, panel)); };
    panels[{panel, half}] = {};
    if (product.hasStrips())
      panels[{panel, half}].lower = SmallVector<Value>(ArrayRef(both).slice(2 * half, 2));
    else
      panels[{panel, half}].lower = load(lowerPiece(places, half, panel), isWanted);
  }
  for (int group = panel; group < panel + StagedStore::panelGroups; group += groupsPerPiece)
    for (int half = 0; half < 2; ++half) {
      auto isWanted = [&] { return b.andi(wantsHalves(pieceExists(places, half, panel)), inPieces()); };
      llvm::append_range(panels[{panel, half}].upper, load(upperPiece(places, half, group), isWanted));
    }
}

void FragmentEvaluator::joinHalves(int panel) {
  LoadHalvesOp load = product.halvesLoad;
  const LowerWords words{product.lowerBits()};
  for (int half = 0; half < 2; ++half) {
    const Panel &loaded = panels[{panel, half}];
    SmallVector<SmallVector<Value>> lower;
    for (Value word : loaded.lower)
      lower.push_back(words.expand(b, word));
    for (int first = 0; first < StagedStore::panelGroups; first += groupsPerPiece) {
      SmallVector<Value> upper(ArrayRef(loaded.upper).slice(first, groupsPerPiece));
      if (!product.hasStrips())
        upper = b.ifValues(
            inPieces(), [&] { return upper; }, [&] { return loadSingly(panel + first, half); });
      for (int i = 0; i < groupsPerPiece; ++i)
        for (int pair = 0; pair < 2; ++pair) {
          const int group = first + i, place = 2 * group + pair, within = place % words.elements();
          const int64_t byte = within % LowerWords::bytes;
          Value four = lower[place / words.elements()][within / LowerWords::bytes];
          Value bits = b.pickBytes(four, upper[i], (pair == 0 ? 0x5400 : 0x7600) | byte << 4 | byte);
          tileValues[keyOf(load, {panel + group, half, pair})] =
              LLVM::BitcastOp::create(b, b.f32(), bits);
        }
    }
  }
}

/// The row of upper halves that are no pieces.
std::pair<Value, Value> FragmentEvaluator::singleHalves(int half) {
  Value start, exists;
  withRowsAfresh([&] {
    auto [row, isRow] = bufferRow(product.upperHalves, half);
    start = rowOfHalves(product.upperHalves, row);
    exists = isRow;
  });
  return {b.offset(start, b.mul(b.sext64(column), b.c64(upperBytes))), exists};
}

SmallVector<Value> FragmentEvaluator::loadSingly(int first, int half) {
  auto [start, rowExists] = singleHalves(half);
  SmallVector<Value> words;
  for (int group = first; group < first + groupsPerPiece; ++group) {
    Value singles[2];
    for (int pair = 0; pair < 2; ++pair) {
      Value exists = b.lt(getColumn(group, pair), arguments.extent(product.nAxis));
      singles[pair] = b.loadHalfIf(b.offset(start, upperBytes * (columnsOfGroup * group + pair)),
                                   b.andi(wantsHalves(rowExists), exists));
    }
    words.push_back(b.pickBytes(singles[0], singles[1], 0x5410));
  }
  return words;
}

void FragmentEvaluator::storeSingly(ArrayRef<Value> words, int first, int half) {
  Value start = singleHalves(half).first;
  for (auto [i, word] : llvm::enumerate(words)) {
    Value both = LLVM::BitcastOp::create(b, VectorType::get(2, b.getI16Type()), word);
    for (int pair = 0; pair < 2; ++pair)
      b.ifThen(b.lt(getColumn(first + i, pair), arguments.extent(product.nAxis)), [&] {
        int64_t group = first + static_cast<int64_t>(i);
        b.store(b.extract(both, pair), b.offset(start, upperBytes * (columnsOfGroup * group + pair)), upperBytes);
      });
  }
}

LogicalResult FragmentEvaluator::store(StoreHalvesOp store) {
  LogicalResult result = success();
  const LowerWords words{product.lowerBits()};
  forEachPanel([&](int panel) {
    if (failed(result)) // and has been diagnosed
      return;
    HalfPlaces places = tilePlaces ? *tilePlaces : halfPlaces();
    SmallVector<Value> lower; // of both rows, where they are a strip's
    // One row after the other, which takes fewer registers.
    for (int half = 0; half < 2; ++half) {
      SmallVector<Value> upper, bits;
      if (!product.hasStrips())
        lower.clear();
      for (int group = 0; group < StagedStore::panelGroups; ++group) {
        for (int pair = 0; pair < 2; ++pair) {
          Value value = get(store.getValue(), {panel + group, half, pair});
          if (!value) {
            result = failure();
            return;
          }
          bits.push_back(LLVM::BitcastOp::create(b, b.i32(), value));
        }
        upper.push_back(b.pickBytes(bits.end()[-2], bits.back(), 0x7632));
        if (bits.size() % words.elements() == 0)
          lower.push_back(words.pack(b, ArrayRef(bits).take_back(words.elements())));
      }
      auto storePieces = [&] {
        for (int i = 0; i < StagedStore::panelGroups; i += groupsPerPiece)
          b.store(b.vector(ArrayRef(upper).slice(i, groupsPerPiece)), upperPiece(places, half, panel + i), pieceBytes);
      };
      ifExists(pieceExists(places, half, panel), [&] {
        if (product.hasStrips())
          return storePieces();
        b.ifThenElse(inPieces(), storePieces, [&] { storeSingly(upper, panel, half); });
        b.store(b.vector(lower), lowerPiece(places, half, panel), pieceBytes);
      });
    }
    if (product.hasStrips())
      b.ifThen(stripExists(panel), [&] { b.store(b.vector(lower), lowerPiece(places, 0, panel), pieceBytes); });
  });
  return result;
}
