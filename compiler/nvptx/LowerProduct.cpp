//===- LowerProduct.cpp - products on Hopper's tensor cores --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// The kernel that is made, for a block of 384 threads:
//
//   for every item (rows m, and a column n or a range of columns) of this block:
//     warpgroup 0, the producer:       warpgroups 1 and 2, the consumers, 64 rows each:
//       for n, for k:                    for n:
//         wait until stage is empty        for k: wait until stage is full
//         copy A[m,k], B[n,k] to stage            acc += A.B (wgmma, not waited for)
//                                                 release the stage of k - 1
//                                          wait for acc, and for its turn
//                                          element-wise part on acc, stores, marks or log-sum-exp
//                                          pass the turn to the other consumer
//
// With a cluster of two, the two blocks take neighbouring rows m, each copies half of B[n,k] to both,
// and a stage is empty when the consumers of both have released it.
//
// Operands lie in shared memory as TMA writes them with the 128-byte swizzle:
//   K-major:  `rows` rows of 64 contraction elements (128 bytes);
//   MN-major: panels of 64 rows of the tile, each panel 64 contraction elements long.
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/Fragment.h"
#include "compiler/nvptx/Lowerings.h"
#include "compiler/nvptx/Marks.h"
#include "compiler/nvptx/OnlineLse.h"
#include "compiler/nvptx/Pace.h"
#include "compiler/nvptx/ProductKernel.h"
#include "compiler/nvptx/WarpgroupProduct.h"

using namespace mlir;
using namespace mlir::cce;

namespace {
constexpr int64_t warpgroup = 128;
constexpr int64_t consumers = 2;
constexpr int64_t threads = (1 + consumers) * warpgroup;
constexpr int64_t rowBytes = 128;            // a swizzled row: 64 16-bit elements
constexpr int64_t panelBytes = 64 * rowBytes; // 64 rows
constexpr int64_t rowsAtOnce = warpgroup / 8; // that producers copy: 8 threads a row
constexpr int64_t noRow = -1; // instead of where a row begins, in units of 16 bytes: less than 2^32 - 1
/// Registers per thread: 128 * 40 + 256 * 232 fit into the 65536 of a multiprocessor, and so do
/// 128 * 56 + 256 * 224 where producers remember the rows of a tile.
constexpr int64_t producerRegisters = 40, consumerRegisters = 232;
constexpr int64_t rememberingRegisters = 56, consumerRegistersBeside = 224;
/// Tiles of rows whose items run at about the same time, with as many columns or parts as there are
/// blocks left: what they read is read from memory once, while they are at the same place. A reduction
/// goes through many columns, so what it has of E should be large, as long as it stays in the L2, 32 tiles
/// of 128 x 3072 elements being 25 MB. With few columns a group has to be low, or the next one begins
/// before the last has all its columns at work. runtime/plan/ProductCost.cpp knows the first three.
constexpr int64_t reducedRows = 32, wideHidden = 3072, reducedWideRows = 16;
constexpr int64_t groupedRows = 16, lowGroupedRows = 8, fewColumns = 12;

/// Sums that a tile is added to are asked for so many blocks of the contraction before the tile's last one, if registers have
/// room for all of them: then they are there when the product is.
constexpr int64_t blocksAhead = 3;

/// Where a role stands: a stage of the ring and the parity of its current use, and what it counts: a
/// consumer the parity of the tiles that it has finished (turns), the producer its steps (pace).
struct Ring {
  Value stage, parity, count;
};

/// One tile's worth of work, the same for all roles.
struct Item {
  Value m, nBegin, nEnd, kBlocks, part;
  Value exists; ///< null if always
};

/// Where the items are that a shorter last part of a reduction makes.
struct LastItems {
  Value others;   ///< as many as all other parts make
  Value first;    ///< the same, or where the next round begins
  Value clusters; ///< of the grid
  Value free;     ///< clusters that the last round of the others leaves without an item, or all
};

class ProductLowering {
public:
  ProductLowering(PtxBuilder &b, ProductKernel product, StringRef sharedMemory)
      : b(b), product(product), arguments(b, product.kernel, threads),
        fragment(b, arguments, this->product),
        tensorCores(b, product.tileN, product.elementType, product.lhs.kMajor, product.rhs.kMajor,
                    panelBytes),
        sharedMemory(sharedMemory) {}

  LogicalResult lower();

private:
  int64_t lhsBytes() const { return product.tileM * product.tileK * 2; }
  int64_t rhsBytes() const { return product.tileN * product.tileK * 2; }
  int64_t stagingOffset() const { return product.stages * (lhsBytes() + rhsBytes()); }
  int64_t barrierOffset() const {
    return stagingOffset() + (product.stagesStores() ? consumers * 4 * StagedStore::bytes : 0);
  }

  /// Only reductions: what the others read is in the L2 by far the most of the time without it.
  bool keepsPace() const { return product.reduce && !product.listAxis && !listsClasses(product.rhs); }

  void emitPrologue();
  void emitProducer();
  void emitConsumer();

  Value countClusters() {
    Value blocks = b.gridSize();
    return product.cluster > 1 ? b.divu(blocks, b.c32(product.cluster)) : blocks;
  }
  LastItems lastItems();
  Value countItems();
  /// Runs `body` for every item of this block, with the ring.
  void forEachItem(llvm::function_ref<Ring(Item, Ring)> body);
  Item decode(Value index);
  Ring advance(Ring ring);
  Value stageBefore(Value stage) {
    return b.select(b.eq(stage, b.c32(0)), b.c32(product.stages - 1), b.sub(stage, b.c32(1)));
  }
  /// A word that says whether threads have copied to the stage (fenceCopies).
  Value copied(Value stage) { return b.offset(copiedWords, byteOffset(stage, 4)); }
  Value full(Value stage) { return b.offset(fullBarriers, byteOffset(stage, 8)); }
  Value empty(Value stage) { return b.offset(emptyBarriers, byteOffset(stage, 8)); }
  Value byteOffset(Value index, int64_t size) { return b.mul(index, size); }

  /// Rows of a buffer that a list names.
  struct RowList {
    Value entries;           ///< address of the first
    Value contiguous, first; ///< whether they are consecutive, and from where; null if they never are
    /// Those that this thread copies, looked up before they are wanted; empty: look them up then.
    SmallVector<Value> mine;
  };
  RowList findRows(const ProductOperand &operand, Value group, Value start, int64_t count);
  SmallVector<Value> lookUpRows(const ProductOperand &operand, Value entries, int64_t count);
  bool listsClasses(const ProductOperand &operand) const;
  bool remembersRows() const { return product.rhs.gathersTile() && listsClasses(product.rhs); }
  void copyBoxes(const ProductOperand &operand, Value destination, Value tileStart, Value k,
                 int64_t tileRows, Value listed, Value barrier, bool isShared);
  void copyRows(const ProductOperand &operand, Value destination, Value tileStart, Value k,
                int64_t tileRows, const RowList &list);
  void fillStage(Ring ring, Value mStart, Value nStart, Value k, const RowList &lhsRows,
                 const RowList &rhsRows);
  bool gathers() const { return product.lhs.gather || product.rhs.gather; }
  void fenceCopies(Value stage);
  void release(Value stage, Value threadInGroup);
  /// Not where sums are loaded: what follows the products then waits for memory most of the time, and
  /// two that wait at once wait half as long. Measured on an H100, sums of dC of Gemma 2: 0.92 of the time.
  bool takesTurns() const { return !product.halvesLoad; }
  /// Whether all sums are asked for while the last products run. Where not, there are lists to look up and places to choose from, and
  /// too few registers.
  bool loadsHalvesLate() const { return product.halvesLoad && product.hasStrips(); }
  void takeTurn(Value consumer, Value turn);
  void passTurn(Value consumer);

  Value multiply(Value accumulator, Ring ring, Value block, Value threadInGroup);
  Value finish(Value accumulator, Value nextStage, Value blocks, Value threadInGroup);
  void emitTile(Value n, Value tileColumn, Value accumulator, OnlineLse *lse);

  PtxBuilder &b;
  ProductKernel product;
  KernelArguments arguments;
  FragmentEvaluator fragment;
  WarpgroupProduct tensorCores;
  StringRef sharedMemory;
  LogicalResult result = success();

  Value shared, fullBarriers, emptyBarriers, turnBarriers, copiedWords, thread, warp, lane, group;
  Value mTiles, nTiles, kBlocks, parts, rank, lhsPolicy;
};
} // namespace

//===----------------------------------------------------------------------===//
// Items and the ring
//===----------------------------------------------------------------------===//

/// With a shorter last part the others come first, as they would without it. What their last round leaves free gets the tiles of rows
/// of the last part, one after the other, as many as one of the other parts takes the time of: 64 tiles of tokens are 32 items for each
/// of 66 clusters, 16 parts then are 7 rounds and 50 items, and the other 16 clusters take half a part of two items each. So all
/// multiprocessors work with 17 states, where parts of the same length would have to be 33. Where fewer tokens take part than that is
/// made for, too few clusters may be free: then the last part has rounds of its own.
LastItems ProductLowering::lastItems() {
  Value clusters = countClusters(), others = b.mul(mTiles, b.sub(parts, b.c32(1)));
  Value taken = b.remu(others, clusters), free = b.sub(clusters, taken);
  auto roundsOn = [&](Value places) { return b.divu(b.add(mTiles, b.sub(places, b.c32(1))), places); };
  Value inPlace = roundsOn(free), apart = b.add(roundsOn(clusters), product.lastPart);
  Value fits = b.cmp(arith::CmpIPredicate::ule, inPlace, apart);
  Value next = b.add(others, b.select(b.eq(taken, b.c32(0)), b.c32(0), free));
  return {others, b.select(fits, others, next), clusters, b.select(fits, free, clusters)};
}

Item ProductLowering::decode(Value index) {
  // Parts of a reduction are spread like columns.
  Value columns = product.reduce ? parts : nTiles;
  Item item;
  Value isLast, ofLast;
  if (product.lastPart > 1) {
    LastItems last = lastItems();
    isLast = b.ge(index, last.first);
    // Item j + r * free is the r-th in the j-th free place.
    Value rest = b.sub(index, last.first), place = b.remu(rest, last.clusters);
    ofLast = b.add(b.mul(b.divu(rest, last.clusters), last.free), place);
    Value inPlace = b.andi(b.lt(place, last.free), b.lt(ofLast, mTiles));
    Value isOther = b.lt(index, last.others);
    item.exists = b.select(isLast, inPlace, isOther);
    ofLast = b.select(inPlace, ofLast, b.c32(0));
    index = b.select(isOther, index, b.c32(0));
    columns = b.maxs(b.sub(columns, b.c32(1)), b.c32(1));
  }
  Value grouped = b.select(b.cmp(arith::CmpIPredicate::sgt, columns, b.c32(fewColumns)),
                           b.c32(groupedRows / product.cluster),
                           b.c32(lowGroupedRows / product.cluster));
  if (product.reduce)
    grouped = b.select(b.cmp(arith::CmpIPredicate::sgt, kBlocks, b.c32(wideHidden / product.tileK)),
                       b.c32(reducedWideRows / product.cluster), b.c32(reducedRows / product.cluster));
  // Where each tile of rows has a list of the second operand's rows, lists of the same order: at the same
  // place in all of them many name the same rows, which are read from memory once if all are at it.
  if (product.listAxis)
    grouped = mTiles;
  Value perGroup = b.mul(columns, grouped);
  Value firstRow = b.mul(b.divu(index, perGroup), grouped);
  Value height = b.mins(b.sub(mTiles, firstRow), grouped);
  Value within = b.remu(index, perGroup);
  Value column = b.divu(within, height);
  item.m = b.add(firstRow, b.remu(within, height));
  if (item.exists) {
    item.m = b.select(isLast, ofLast, item.m);
    column = b.select(isLast, b.sub(parts, b.c32(1)), column);
  }
  // Blocks of a cluster take neighbours; a last one may be left without rows that exist.
  if (product.cluster > 1)
    item.m = b.add(b.mul(item.m, product.cluster), rank);
  if (product.reduce) {
    item.part = column;
    // In units of the last part, which is the one to be a tile shorter: a place may take several of it.
    Value units = parts, begin = column, end = b.add(column, 1), roundsUp = b.c32(0);
    if (item.exists) {
      roundsUp = b.mul(b.sub(parts, b.c32(1)), product.lastPart);
      units = b.add(roundsUp, 1);
      begin = b.mul(column, product.lastPart);
      end = b.mins(b.add(begin, product.lastPart), units);
    }
    Value beginTiles = b.add(b.mul(begin, nTiles), roundsUp), endTiles = b.add(b.mul(end, nTiles), roundsUp);
    item.nBegin = b.divu(beginTiles, units);
    item.nEnd = b.divu(endTiles, units);
    if (item.exists)
      item.nEnd = b.select(item.exists, item.nEnd, item.nBegin);
  } else {
    item.nBegin = column;
    item.nEnd = b.add(column, 1);
  }
  item.kBlocks = kBlocks;
  // Of a list only its length is looked at, which may end before this tile.
  if (product.listAxis == product.nAxis) {
    Value length = arguments.listLength(product.nAxis, item.m);
    Value exists = b.lt(b.mul(item.nBegin, product.tileN), length);
    item.nEnd = b.select(exists, item.nEnd, item.nBegin);
  } else if (product.listAxis) {
    item.kBlocks = b.ceilDiv(arguments.listLength(product.kAxis, item.m), product.tileK);
  }
  return item;
}

Value ProductLowering::countItems() {
  if (product.lastPart == 1)
    return b.mul(mTiles, product.reduce ? parts : nTiles);
  LastItems last = lastItems();
  // So many in each free place; behind all but the last of them come places that are taken.
  Value most = b.divu(b.add(mTiles, b.sub(last.free, b.c32(1))), last.free);
  return b.add(b.add(last.first, b.mul(b.sub(most, b.c32(1)), last.clusters)), last.free);
}

void ProductLowering::forEachItem(llvm::function_ref<Ring(Item, Ring)> body) {
  Value items = countItems();
  // A negative count of tokens: another path was taken, and nothing is to be written.
  if (isTokens(product.kAxis))
    items = b.select(b.ge(arguments.extent(product.kAxis), b.c32(0)), items, b.c32(0));
  Value first = b.blockId(), step = countClusters();
  if (product.cluster > 1)
    first = b.divu(first, b.c32(product.cluster));
  b.loop(first, items, step, {b.c32(0), b.c32(0), b.c32(0)},
         [&](Value index, ValueRange state) -> SmallVector<Value> {
           Ring ring = body(decode(index), {state[0], state[1], state[2]});
           return {ring.stage, ring.parity, ring.count};
         });
}

Ring ProductLowering::advance(Ring ring) {
  Value next = b.add(ring.stage, 1);
  Value wraps = b.eq(next, b.c32(product.stages));
  return {b.select(wraps, b.c32(0), next),
          b.select(wraps, b.xori(ring.parity, b.c32(1)), ring.parity), ring.count};
}

//===----------------------------------------------------------------------===//
// Prologue
//===----------------------------------------------------------------------===//

void ProductLowering::emitPrologue() {
  shared = LLVM::AddressOfOp::create(b, b.ptr(Space::Shared), sharedMemory);
  fullBarriers = b.offset(shared, barrierOffset());
  emptyBarriers = b.offset(fullBarriers, 8 * product.stages);
  turnBarriers = b.offset(emptyBarriers, 8 * product.stages);
  copiedWords = b.offset(turnBarriers, 8 * consumers);
  thread = b.threadId();
  lane = b.andi(thread, 31);
  warp = b.broadcast(b.shr(thread, 5));
  group = b.shr(warp, 2);
  mTiles = b.ceilDiv(arguments.extent(product.mAxis), product.tileM * product.cluster);
  if (product.cluster > 1)
    rank = NVVM::ClusterId::create(b, b.i32());
  nTiles = b.ceilDiv(arguments.extent(product.nAxis), product.tileN);
  kBlocks = b.ceilDiv(arguments.extent(product.kAxis), product.tileK);
  parts = product.partAxis ? arguments.extent(product.partAxis) : b.c32(1);
  b.ifThen(b.eq(thread, b.c32(0)), [&] {
    for (int64_t stage = 0; stage < product.stages; ++stage) {
      b.barrierInit(b.offset(fullBarriers, 8 * stage), gathers() ? 1 + warpgroup : 1);
      b.barrierInit(b.offset(emptyBarriers, 8 * stage), consumers * product.cluster);
    }
    for (int64_t consumer = 0; consumer < consumers; ++consumer)
      b.barrierInit(b.offset(turnBarriers, 8 * consumer), warpgroup / 32);
    NVVM::FenceMbarrierInitOp::create(b);
  });
  if (product.cluster > 1)
    b.clusterBarrier();
  else
    b.barrier();
}

//===----------------------------------------------------------------------===//
// Producer
//===----------------------------------------------------------------------===//

/// Entries `start`.. of the list that gathers the operand, that of the group if each has one. Lists of
/// tokens mostly name consecutive rows, lists of classes never do.
ProductLowering::RowList ProductLowering::findRows(const ProductOperand &operand, Value group,
                                                   Value start, int64_t count) {
  Value rows = GatherOp(operand.gather).getRows();
  Value index = b.sext64(start);
  if (operand.hasListPerGroup())
    index = b.add(index, b.mul(b.sext64(group), arguments.stride(rows)));
  RowList list;
  list.entries = b.offset(arguments.pointer(rows), b.mul(index, b.c64(4)));
  if (listsClasses(operand)) {
    // Of a tile, where they stay the same for all stages.
    if (remembersRows())
      list.mine = lookUpRows(operand, list.entries, count);
    return list;
  }
  SmallVector<Value> mine;
  for (int64_t i = 0; i < count / 32; ++i) {
    Value entry = b.offset(list.entries, b.mul(b.zext64(b.add(lane, 32 * i)), b.c64(4)));
    mine.push_back(b.load(b.i32(), entry, 4));
  }
  list.first = b.broadcast(mine[0]);
  Value consecutive = b.ge(list.first, b.c32(0));
  for (auto [i, row] : llvm::enumerate(mine))
    consecutive = b.andi(consecutive, b.eq(row, b.add(list.first, b.add(lane, 32 * i))));
  list.contiguous = b.all(consecutive);
  return list;
}

/// Of so many entries those that the thread copies, 8 threads a row: where the row begins, in units of 16
/// bytes.
SmallVector<Value> ProductLowering::lookUpRows(const ProductOperand &operand, Value entries,
                                               int64_t count) {
  Value rowUnits = b.shr(b.trunc32(arguments.stride(operand.buffer)), 3);
  SmallVector<Value> mine;
  for (int64_t i = 0; i < count; i += rowsAtOnce) {
    Value index = b.zext64(b.add(b.shr(thread, 3), i));
    Value row = b.load(b.i32(), b.offset(entries, b.mul(index, b.c64(4))), 4);
    mine.push_back(b.select(b.ge(row, b.c32(0)), b.mul(row, rowUnits), b.c32(noRow)));
  }
  return mine;
}

/// Whether the operand's rows are those of a list that never names consecutive ones.
bool ProductLowering::listsClasses(const ProductOperand &operand) const {
  return operand.gather &&
         !isTokens(GatherOp(operand.gather).getRows().getType().getAxes().back());
}

/// Tile rows `tileStart`.., contraction `k`.., of one operand as boxes that start at row `listed` of the
/// buffer, if a list says so; if the operand is shared, this block's part of them, to all blocks of the
/// cluster.
void ProductLowering::copyBoxes(const ProductOperand &operand, Value destination, Value tileStart,
                                Value k, int64_t tileRows, Value listed, Value barrier,
                                bool isShared) {
  Value mask;
  if (isShared && product.cluster > 1) {
    tileRows /= product.cluster;
    Value start = b.mul(rank, tileRows);
    tileStart = b.add(tileStart, start);
    destination = b.offset(destination, b.mul(start, rowBytes)); // in either layout
    if (listed && operand.kMajor)
      listed = b.add(listed, start);
    mask = arith::ConstantOp::create(b, b.getI16IntegerAttr((1 << product.cluster) - 1));
  }
  // K-major: one box. MN-major: a box per panel of 64 tile rows.
  int64_t boxRows = operand.kMajor ? tileRows : 64;
  int64_t panels = operand.kMajor ? 1 : tileRows / 64;
  Value row = listed ? listed : operand.kMajor ? tileStart : k;
  Value map = arguments.tensorMap(operand.buffer, {boxRows, 64});
  b.ifThen(b.eq(thread, b.c32(0)), [&] {
    for (int64_t panel = 0; panel < panels; ++panel) {
      Value column = operand.kMajor ? k : b.add(tileStart, 64 * panel);
      b.tmaLoad(b.offset(destination, panel * panelBytes), map, column, row, barrier, mask,
                &operand == &product.lhs ? lhsPolicy : Value());
    }
  });
}

/// The same where rows lie anywhere: 16 bytes a thread, 8 threads a row, to where the tensor copy engine
/// would have put them: with the 128-byte swizzle, piece p of row r lies where p ^ (r % 8) would. The
/// engine itself takes 30 ns for a box of one row, five times as long for a tile as its products.
void ProductLowering::copyRows(const ProductOperand &operand, Value destination, Value tileStart,
                               Value k, int64_t tileRows, const RowList &list) {
  Value base = arguments.pointer(operand.buffer);
  Value extent = arguments.extent(cast<BufferType>(operand.buffer.getType()).getAxes()[1]);
  Value piece = b.andi(thread, 7), firstRow = b.shr(thread, 3);
  Value swizzled = b.mul(b.xori(piece, b.andi(firstRow, 7)), 16);
  Value place = b.offset(destination, b.add(b.mul(firstRow, rowBytes), swizzled));
  int64_t rows = operand.kMajor ? tileRows : product.tileK;
  int64_t panels = operand.kMajor ? 1 : tileRows / 64;
  Value firstColumn = b.add(operand.kMajor ? k : tileStart, b.mul(piece, 8));
  SmallVector<Value> mine = list.mine.empty() ? lookUpRows(operand, list.entries, rows) : list.mine;
  for (int64_t i = 0; i < rows; i += rowsAtOnce) {
    Value start = mine[i / rowsAtOnce];
    Value exists = b.cmp(arith::CmpIPredicate::ne, start, b.c32(noRow));
    for (int64_t panel = 0; panel < panels; ++panel) {
      Value column = b.add(firstColumn, 64 * panel);
      Value inside = b.andi(exists, b.lt(column, extent));
      // What does not exist is filled with zeros, and no address beyond the buffer is formed. The column
      // is added before the product, so that not all addresses are kept from one stage to the next.
      Value units = b.select(inside, b.add(start, b.shr(column, 3)), b.c32(0));
      Value source = b.offset(base, b.mul(b.zext64(units), b.c64(16)));
      b.copyAsync(b.offset(place, panel * panelBytes + i * rowBytes), source,
                  b.select(inside, b.c32(16), b.c32(0)));
    }
  }
}

/// One stage. Its barrier is complete when the announced bytes have come and, in a kernel that gathers,
/// all threads of the warpgroup have arrived: with their copies, or through one of each warp. Not through
/// one for all warps, though only one has something to do: a warp that the others leave behind by a round of
/// the ring takes the parity of its next phase for that of the one before, and waits for ever.
void ProductLowering::fillStage(Ring ring, Value mStart, Value nStart, Value k,
                                const RowList &lhsRows, const RowList &rhsRows) {
  Value barrier = full(ring.stage);
  Value leader = b.eq(thread, b.c32(0));
  Value a = b.offset(shared, byteOffset(ring.stage, lhsBytes()));
  Value c = b.offset(b.offset(shared, product.stages * lhsBytes()),
                     byteOffset(ring.stage, rhsBytes()));
  auto boxBytes = [&](const ProductOperand &operand, const RowList &list, int64_t bytes) {
    if (!operand.gather)
      return b.c32(bytes);
    return list.contiguous ? b.select(list.contiguous, b.c32(bytes), b.c32(0)) : b.c32(0);
  };
  Value bytes = b.add(boxBytes(product.lhs, lhsRows, lhsBytes()),
                      boxBytes(product.rhs, rhsRows, rhsBytes()));
  Value allBoxes = b.eq(bytes, b.c32(lhsBytes() + rhsBytes()));
  b.ifThen(leader, [&] {
    if (gathers())
      b.store(b.select(allBoxes, b.c32(0), b.c32(1)), copied(ring.stage), 4);
    b.barrierArriveExpect(barrier, bytes);
  });
  auto copy = [&](const ProductOperand &operand, const RowList &list, Value destination,
                  Value tileStart, int64_t tileRows, bool isShared) {
    auto boxes = [&] {
      copyBoxes(operand, destination, tileStart, k, tileRows, list.first, barrier, isShared);
    };
    auto rows = [&] { copyRows(operand, destination, tileStart, k, tileRows, list); };
    if (!operand.gather)
      boxes();
    else if (list.contiguous)
      b.ifThenElse(list.contiguous, boxes, rows);
    else
      rows();
  };
  copy(product.lhs, lhsRows, a, mStart, product.tileM, false);
  copy(product.rhs, rhsRows, c, nStart, product.tileN, true);
  if (!gathers())
    return;
  b.ifThenElse(
      allBoxes, [&] { b.ifThen(b.eq(lane, b.c32(0)), [&] { b.barrierArrive(barrier, 32); }); },
      [&] { b.barrierArriveBehindCopies(barrier); });
}

void ProductLowering::emitProducer() {
  NVVM::SetMaxRegisterOp::create(b, remembersRows() ? rememberingRegisters : producerRegisters,
                                 NVVM::SetMaxRegisterAction::decrease);
  // Rows of E, of a group's tiles, are read for every column.
  if (product.kAxis.getValue() == "hidden" && !product.listAxis)
    lhsPolicy = b.keepInCache();
  // One thread is enough for boxes.
  Value works = gathers() ? b.ctrue() : b.eq(warp, b.c32(0));
  bool looksAhead = product.rhs.gathersContraction() && listsClasses(product.rhs);
  std::optional<Pace> pace;
  if (keepsPace())
    pace.emplace(b, product.cluster, rank, b.eq(thread, b.c32(0)));
  auto keepPace = [&](Value block, Value number) {
    Value begins = b.eq(b.remu(block, b.c32(Pace::blocksPerStep)), b.c32(0));
    return b.ifValues(
        begins, [&] { return SmallVector<Value>{pace->begin(number)}; },
        [&] { return SmallVector<Value>{number}; })[0];
  };
  b.ifThen(works, [&] {
    forEachItem([&](Item item, Ring start) {
      Value mStart = b.mul(item.m, product.tileM);
      RowList lhsTile, rhsTile;
      if (product.lhs.gathersTile())
        lhsTile = findRows(product.lhs, item.m, mStart, product.tileM);
      auto ring = b.loop(
          item.nBegin, item.nEnd, b.c32(1), {start.stage, start.parity, start.count},
          [&](Value n, ValueRange outer) -> SmallVector<Value> {
            Value nStart = b.mul(n, product.tileN);
            if (product.rhs.gathersTile())
              rhsTile = findRows(product.rhs, item.m, nStart, product.tileN);
            // The rows that the thread copies of a stage, looked up one stage ahead.
            auto lookAhead = [&](Value block) {
              Value k = b.mul(block, product.tileK);
              Value entries = findRows(product.rhs, item.m, k, product.tileK).entries;
              return lookUpRows(product.rhs, entries, product.tileK);
            };
            SmallVector<Value> state(outer);
            if (looksAhead)
              llvm::append_range(state, lookAhead(b.c32(0)));
            auto loop = b.loop(
                b.c32(0), item.kBlocks, b.c32(1), state,
                [&](Value block, ValueRange inner) -> SmallVector<Value> {
                  Ring ring{inner[0], inner[1], inner[2]};
                  if (pace)
                    ring.count = keepPace(block, ring.count);
                  Value k = b.mul(block, product.tileK);
                  RowList lhsRows = lhsTile, rhsRows = rhsTile;
                  if (product.lhs.gathersContraction())
                    lhsRows = findRows(product.lhs, item.m, k, product.tileK);
                  if (product.rhs.gathersContraction())
                    rhsRows = findRows(product.rhs, item.m, k, product.tileK);
                  SmallVector<Value> ahead;
                  if (looksAhead) {
                    rhsRows.mine.assign(inner.begin() + 3, inner.end());
                    Value next = b.add(block, 1);
                    ahead = lookAhead(b.select(b.lt(next, item.kBlocks), next, block));
                  }
                  b.barrierWait(empty(ring.stage), b.xori(ring.parity, b.c32(1)));
                  fillStage(ring, mStart, nStart, k, lhsRows, rhsRows);
                  Ring next = advance(ring);
                  SmallVector<Value> results{next.stage, next.parity, next.count};
                  llvm::append_range(results, ahead);
                  return results;
                });
            return {loop[0], loop[1], loop[2]};
          });
      return Ring{ring[0], ring[1], ring[2]};
    });
    if (pace)
      pace->leave();
  });
}

//===----------------------------------------------------------------------===//
// Consumers
//===----------------------------------------------------------------------===//

/// acc += A.B over one stage, whose operands a barrier has shown to be there. The first instruction
/// follows on the block before without a pause; once it is issued, that block's stage is released.
Value ProductLowering::multiply(Value accumulator, Ring ring, Value block, Value threadInGroup) {
  Value start = LLVM::PtrToIntOp::create(b, b.i32(), shared);
  Value rows = b.mul(b.sub(group, b.c32(1)), panelBytes); // 64 rows of A each, in either layout
  Value a = b.add(b.add(start, rows), byteOffset(ring.stage, lhsBytes()));
  Value c = b.add(b.add(start, product.stages * lhsBytes()), byteOffset(ring.stage, rhsBytes()));
  tensorCores.begin();
  for (int64_t step = 0; step < product.tileK / WarpgroupProduct::depth; ++step) {
    accumulator = tensorCores.multiply(accumulator, a, c, step);
    if (step > 0)
      continue;
    tensorCores.commit();
    tensorCores.waitForOthers();
    Value hasBefore = b.cmp(arith::CmpIPredicate::ne, block, b.c32(0));
    b.ifThen(hasBefore, [&] { release(stageBefore(ring.stage), threadInGroup); });
  }
  tensorCores.commit();
  return accumulator;
}

/// The sums of a whole tile, whose last stage is released.
Value ProductLowering::finish(Value accumulator, Value nextStage, Value blocks, Value threadInGroup) {
  Value sums = tensorCores.wait(accumulator);
  // What the device counts may be nothing.
  Value any = b.cmp(arith::CmpIPredicate::ne, blocks, b.c32(0));
  b.ifThen(any, [&] { release(stageBefore(nextStage), threadInGroup); });
  return sums;
}

/// What threads have copied into a stage, not the tensor copy engine, has to be ordered before the tensor
/// cores read it. Mostly there is nothing of the kind, and a fence costs more than to look.
void ProductLowering::fenceCopies(Value stage) {
  Value isCopied = b.cmp(arith::CmpIPredicate::ne, b.load(b.i32(), copied(stage), 4), b.c32(0));
  b.ifThen(isCopied, [&] { b.fenceAsyncProxy(); });
}

/// Tells the producers that write to this block's stage that the warpgroup has read it: those of all
/// blocks of the cluster.
void ProductLowering::release(Value stage, Value threadInGroup) {
  if (product.cluster == 1)
    return b.ifThen(b.eq(threadInGroup, b.c32(0)), [&] { b.barrierArrive(empty(stage)); });
  b.ifThen(b.lt(threadInGroup, b.c32(product.cluster)),
           [&] { b.barrierArriveRemote(empty(stage), threadInGroup); });
}

/// The two consumers take turns with what follows the products of a tile, the first one first: while one
/// is at it the tensor cores belong to the other, which is a few stages behind or ahead. Else both reach
/// it at the same time, and nobody uses the tensor cores.
void ProductLowering::takeTurn(Value consumer, Value turn) {
  // The first consumer waits for the second one's tile before: for none the first time.
  Value parity = b.xori(turn, b.xori(consumer, b.c32(1)));
  b.barrierWait(b.offset(turnBarriers, byteOffset(consumer, 8)), parity);
}

/// Each warp for itself: two turns on, one that is late would wait for the wrong parity.
void ProductLowering::passTurn(Value consumer) {
  Value other = b.offset(turnBarriers, byteOffset(b.xori(consumer, b.c32(1)), 8));
  b.ifThen(b.eq(lane, b.c32(0)), [&] { b.barrierArrive(other); });
}

void ProductLowering::emitTile(Value n, Value tileColumn, Value accumulator, OnlineLse *lse) {
  SmallVector<Value> registers;
  for (int64_t i = 0; i < product.tileN / 2; ++i)
    registers.push_back(LLVM::ExtractValueOp::create(b, accumulator, i));
  fragment.setAccumulator(registers);
  if (lse) {
    if (failed(lse->update(product.update.getValue(), tileColumn)))
      result = failure();
    return;
  }
  for (MarkOp op : product.marks)
    if (failed(markRows(b, fragment, arguments, product, op, tileColumn)))
      result = failure();
  ArrayRef<StoreOp> sums = product.rowSums;
  for (StoreOp store : product.stores) {
    if (failed(fragment.store(store, sums)))
      result = failure();
    sums = {};
  }
  if (product.halvesStore && failed(fragment.store(product.halvesStore)))
    result = failure();
  for (StoreOp store : product.rowSums)
    if (failed(fragment.storeRowSums(store, n, lane)))
      result = failure();
}

void ProductLowering::emitConsumer() {
  NVVM::SetMaxRegisterOp::create(b, remembersRows() ? consumerRegistersBeside : consumerRegisters,
                                 NVVM::SetMaxRegisterAction::increase);
  Value consumer = b.sub(group, b.c32(1));
  Value threadInGroup = b.andi(thread, warpgroup - 1);
  Value consumerWarp = b.add(b.mul(consumer, 4), b.shr(threadInGroup, 5));
  if (product.stagesStores()) {
    Value start = b.mul(consumerWarp, StagedStore::bytes);
    fragment.setStaging(b.offset(b.offset(shared, stagingOffset()), start), lane);
  }

  forEachItem([&](Item item, Ring start) {
    Value warpRow = b.add(b.mul(item.m, product.tileM), b.mul(consumerWarp, StagedStore::rows));
    fragment.setRows(item.m, warpRow, lane);
    fragment.prefetchRows();
    OnlineLse lse(b, fragment, arguments, product);
    SmallVector<Value> state{start.stage, start.parity, start.count};
    if (product.reduce)
      llvm::append_range(state, lse.initial());
    auto final = b.loop(
        item.nBegin, item.nEnd, b.c32(1), state, [&](Value n, ValueRange outer) {
          Value tileColumn = b.mul(n, product.tileN);
          fragment.setColumn(tileColumn);
          auto goOn = [&](Value from, Value to, ValueRange before) {
            return b.loop(from, to, b.c32(1), before, [&](Value block, ValueRange inner) -> SmallVector<Value> {
              Ring ring{inner[0], inner[1], outer[2]};
              b.barrierWait(full(ring.stage), ring.parity);
              if (gathers())
                fenceCopies(ring.stage);
              Value sums = multiply(inner[2], ring, block, threadInGroup);
              Ring next = advance(ring);
              return {next.stage, next.parity, sums};
            });
          };
          SmallVector<Value> loop{outer[0], outer[1], tensorCores.zeros()};
          Value first = b.c32(0);
          if (loadsHalvesLate()) {
            Value last = b.maxs(b.sub(item.kBlocks, b.c32(blocksAhead)), b.c32(0));
            loop = goOn(first, last, loop);
            fragment.prefetchAllHalves();
            first = last;
          } else if (product.halvesLoad) {
            fragment.prefetchFirstHalves();
          }
          loop = goOn(first, item.kBlocks, loop);
          Value sums = finish(loop[2], loop[0], item.kBlocks, threadInGroup);
          if (takesTurns())
            takeTurn(consumer, outer[2]);
          SmallVector<Value> next{loop[0], loop[1], b.xori(outer[2], b.c32(1))};
          if (product.reduce) {
            lse.setState(outer.drop_front(3));
            emitTile(n, tileColumn, sums, &lse);
            llvm::append_range(next, lse.getState());
          } else {
            emitTile(n, tileColumn, sums, nullptr);
          }
          if (takesTurns())
            passTurn(consumer);
          return next;
        });
    if (product.reduce) {
      lse.setState(ArrayRef<Value>(final).drop_front(3));
      auto storeStates = [&] {
        for (StoreOp store : product.stores)
          if (failed(lse.store(store, item.part, lane)))
            result = failure();
      };
      if (item.exists)
        b.ifThen(item.exists, storeStates);
      else
        storeStates();
    }
    return Ring{final[0], final[1], final[2]};
  });
}

LogicalResult ProductLowering::lower() {
  emitPrologue();
  b.ifThenElse(b.eq(group, b.c32(0)), [&] { emitProducer(); }, [&] { emitConsumer(); });
  // A block stays until its neighbour has arrived on its barriers for the last time.
  if (product.cluster > 1)
    b.clusterBarrier();
  LLVM::ReturnOp::create(b, ValueRange());
  ManifestBuilder &manifest = arguments.getManifest();
  manifest.set("cluster", product.cluster);
  manifest.set("shared_bytes", barrierOffset() + 20 * product.stages + 8 * consumers);
  manifest.tile(product.mAxis.getValue(), product.tileM);
  manifest.tile(product.nAxis.getValue(), product.tileN);
  arguments.finish();
  return result;
}

LogicalResult mlir::cce::lowerProduct(PtxBuilder &builder, KernelOp kernel,
                                      StringRef sharedMemory) {
  FailureOr<ProductKernel> product = ProductKernel::match(kernel);
  if (failed(product))
    return failure();
  return ProductLowering(builder, *product, sharedMemory).lower();
}
