//===- KernelArguments.cpp - parameters of an entry point ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/KernelArguments.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::cce;

KernelArguments::KernelArguments(PtxBuilder &builder, KernelOp kernel, int64_t threads)
    : b(builder), kernel(kernel), manifest(builder.getContext(), kernel.getSymName(), "sm_90a") {
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), {});
  function = LLVM::LLVMFuncOp::create(b, kernel.getSymName(), type);
  entry = function.addEntryBlock(b);
  manifest.set("threads", threads);
  function->setAttr("nvvm.kernel", b.getUnitAttr());
  // Both are needed for setmaxnreg to take effect (ptxas 13.0 says C7508 otherwise).
  function->setAttr("nvvm.reqntid", b.getDenseI32ArrayAttr({static_cast<int32_t>(threads), 1, 1}));
  function->setAttr("nvvm.minctasm", b.getI32IntegerAttr(1));
  b.setInsertionPointToStart(entry);
}

StringRef KernelArguments::nameOf(Value buffer) {
  if (auto gather = buffer.getDefiningOp<GatherOp>())
    buffer = gather.getSource();
  return kernel.getArgName(cast<BlockArgument>(buffer));
}

Value KernelArguments::parameter(StringRef key, Type type, llvm::function_ref<void()> record) {
  Value &value = values[key];
  if (!value) {
    record();
    value = entry->addArgument(type, b.getLoc());
    attributes.push_back(b.getDictionaryAttr({}));
  }
  return value;
}

Value KernelArguments::atEntry(StringRef key, llvm::function_ref<Value()> emit) {
  if (Value known = values.lookup(key))
    return known;
  OpBuilder::InsertionGuard guard(b);
  if (lastAtEntry)
    b.setInsertionPointAfter(lastAtEntry);
  else
    b.setInsertionPointToStart(entry);
  Value value = emit();
  lastAtEntry = value.getDefiningOp();
  values[key] = value;
  return value;
}

Value KernelArguments::tensorMap(Value buffer, ArrayRef<int64_t> box) {
  std::string key = llvm::formatv("map {0} {1}x{2}", nameOf(buffer), box[0], box[1]);
  bool isNew = !values.contains(key);
  Value map = parameter(key, b.ptr(), [&] { manifest.tensorMap(nameOf(buffer), box, 128); });
  if (isNew)
    attributes.back() = b.getDictionaryAttr(
        {b.getNamedAttr("llvm.byval",
                        TypeAttr::get(LLVM::LLVMArrayType::get(b.getI8Type(), 128))),
         b.getNamedAttr("llvm.align", b.getI64IntegerAttr(64)),
         b.getNamedAttr("nvvm.grid_constant", b.getUnitAttr())});
  return map;
}

Value KernelArguments::pointer(Value buffer) {
  return parameter(("pointer " + nameOf(buffer)).str(), b.ptr(Space::Global),
                   [&] { manifest.pointer(nameOf(buffer)); });
}

Value KernelArguments::stride(Value buffer) {
  return parameter(("stride " + nameOf(buffer)).str(), b.i64(),
                   [&] { manifest.stride(nameOf(buffer), 0); });
}

Value KernelArguments::extent(StringAttr axis) {
  std::string key = ("extent " + axis.getValue()).str();
  if (!isCounted(axis))
    return parameter(key, b.i32(), [&] { manifest.extent(axis.getValue()); });
  return atEntry(key, [&] { return b.load(b.i32(), extentPointer(axis), 4); });
}

Value KernelArguments::extentPointer(StringAttr axis) {
  return parameter(("extent pointer " + axis.getValue()).str(), b.ptr(Space::Global),
                   [&] { manifest.extentPointer(axis.getValue()); });
}

Value KernelArguments::listLength(StringAttr axis, Value group) {
  Value index = b.mul(b.sext64(group), b.c64(4));
  return b.load(b.i32(), b.offset(extentPointer(axis), index), 4);
}

Value KernelArguments::origin(StringAttr axis) {
  return parameter(("origin " + axis.getValue()).str(), b.i32(),
                   [&] { manifest.origin(axis.getValue()); });
}

Value KernelArguments::scalar(BlockArgument argument) {
  StringRef name = kernel.getArgName(argument);
  std::string key = ("scalar " + name).str();
  Type type = argument.getType();
  if (!type.isInteger(1))
    return parameter(key, type, [&] { manifest.scalar(name, type.isF32() ? "f32" : "i32"); });
  return atEntry(key, [&] {
    Value word = parameter(("word " + name).str(), b.i32(), [&] { manifest.scalar(name, "i32"); });
    return b.cmp(arith::CmpIPredicate::ne, word, b.c32(0));
  });
}

void KernelArguments::finish() {
  SmallVector<Type> types(entry->getArgumentTypes());
  function.setFunctionType(
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), types));
  SmallVector<Attribute> attrs(attributes.begin(), attributes.end());
  function.setArgAttrsAttr(b.getArrayAttr(attrs));
  function->setAttr(manifestAttrName, manifest.build());
}
