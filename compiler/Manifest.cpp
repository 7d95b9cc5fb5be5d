//===- Manifest.cpp - what the runtime must know of a compiled kernel --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/Manifest.h"

#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace mlir::cce;

ManifestBuilder::ManifestBuilder(MLIRContext *context, StringRef kernel, StringRef target)
    : builder(context) {
  fields.push_back(text("kernel", kernel));
  fields.push_back(text("target", target));
  fields.push_back(text("entry", kernel));
}

NamedAttribute ManifestBuilder::text(StringRef name, StringRef value) {
  return builder.getNamedAttr(name, builder.getStringAttr(value));
}

unsigned ManifestBuilder::argument(StringRef kind, ArrayRef<NamedAttribute> more) {
  SmallVector<NamedAttribute> all(more);
  all.push_back(text("kind", kind));
  arguments.push_back(builder.getDictionaryAttr(all));
  return arguments.size() - 1;
}

unsigned ManifestBuilder::tensorMap(StringRef buffer, ArrayRef<int64_t> box, int64_t swizzle) {
  return argument("tensor_map",
                  {text("buffer", buffer), builder.getNamedAttr("box", builder.getI64ArrayAttr(box)),
                   builder.getNamedAttr("swizzle", builder.getI64IntegerAttr(swizzle))});
}

unsigned ManifestBuilder::pointer(StringRef buffer) {
  return argument("pointer", text("buffer", buffer));
}

unsigned ManifestBuilder::stride(StringRef buffer, int64_t dimension) {
  return argument("stride",
                  {text("buffer", buffer),
                   builder.getNamedAttr("dimension", builder.getI64IntegerAttr(dimension))});
}

unsigned ManifestBuilder::extent(StringRef axis) { return argument("extent", text("axis", axis)); }

unsigned ManifestBuilder::extentPointer(StringRef axis) {
  return argument("extent_pointer", text("axis", axis));
}

unsigned ManifestBuilder::origin(StringRef axis) { return argument("origin", text("axis", axis)); }

unsigned ManifestBuilder::scalar(StringRef buffer, StringRef type) {
  return argument("scalar", {text("buffer", buffer), text("type", type)});
}

unsigned ManifestBuilder::begin(StringRef axis) { return argument("begin", text("axis", axis)); }

unsigned ManifestBuilder::end(StringRef axis) { return argument("end", text("axis", axis)); }

unsigned ManifestBuilder::scratch() { return argument("scratch", {}); }

void ManifestBuilder::tile(StringRef axis, int64_t size) {
  tiles.push_back(builder.getNamedAttr(axis, builder.getI64IntegerAttr(size)));
}

void ManifestBuilder::set(StringRef name, int64_t value) {
  fields.push_back(builder.getNamedAttr(name, builder.getI64IntegerAttr(value)));
}

DictionaryAttr ManifestBuilder::build() const {
  Builder b = builder;
  SmallVector<NamedAttribute> all(fields);
  all.push_back(b.getNamedAttr("tiles", b.getDictionaryAttr(tiles)));
  all.push_back(b.getNamedAttr("arguments", b.getArrayAttr(arguments)));
  return b.getDictionaryAttr(all);
}

static llvm::json::Value toJson(Attribute attribute) {
  if (auto dictionary = dyn_cast<DictionaryAttr>(attribute)) {
    llvm::json::Object object;
    for (NamedAttribute field : dictionary)
      object[field.getName().getValue()] = toJson(field.getValue());
    return object;
  }
  if (auto array = dyn_cast<ArrayAttr>(attribute)) {
    llvm::json::Array values;
    for (Attribute value : array)
      values.push_back(toJson(value));
    return values;
  }
  if (auto integer = dyn_cast<IntegerAttr>(attribute))
    return integer.getInt();
  return cast<StringAttr>(attribute).getValue();
}

std::string mlir::cce::printManifest(DictionaryAttr manifest) {
  return llvm::formatv("{0}", toJson(manifest)).str();
}
