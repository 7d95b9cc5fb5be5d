//===- Manifest.cpp - how to call a compiled kernel -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/kernels/Manifest.h"

#include <nlohmann/json.hpp>

#include <limits>

namespace cce::rt {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::pair<ArgumentKind, const char *>, 10> argumentKinds = {{
    {ArgumentKind::TensorMap, "tensor_map"},
    {ArgumentKind::Pointer, "pointer"},
    {ArgumentKind::Stride, "stride"},
    {ArgumentKind::Extent, "extent"},
    {ArgumentKind::ExtentPointer, "extent_pointer"},
    {ArgumentKind::Origin, "origin"},
    {ArgumentKind::Scalar, "scalar"},
    {ArgumentKind::Begin, "begin"},
    {ArgumentKind::End, "end"},
    {ArgumentKind::Scratch, "scratch"},
}};

constexpr std::array<std::pair<ScalarType, const char *>, 4> scalarTypes = {{
    {ScalarType::F32, "f32"},
    {ScalarType::I1, "i1"},
    {ScalarType::I32, "i32"},
    {ScalarType::I64, "i64"},
}};

/// Which key of the JSON object holds ManifestArgument::name; null if there is none.
const char *nameKey(ArgumentKind kind) {
  switch (kind) {
  case ArgumentKind::TensorMap:
  case ArgumentKind::Pointer:
  case ArgumentKind::Stride:
  case ArgumentKind::Scalar:
    return "buffer";
  case ArgumentKind::Extent:
  case ArgumentKind::ExtentPointer:
  case ArgumentKind::Origin:
  case ArgumentKind::Begin:
  case ArgumentKind::End:
    return "axis";
  case ArgumentKind::Scratch:
    return nullptr;
  }
  return nullptr;
}

Status malformed(const std::string &place, const std::string &what) {
  return makeError(CCE_INVALID_ARGUMENT, "manifest: ", place, ": ", what);
}

/// Reads the members of one JSON object; the first thing that is wrong is kept in `status`, and
/// reading goes on with defaults.
class Reader {
public:
  Reader(const Json &object, std::string place) : object(object), place(std::move(place)) {}

  std::string string(const char *key) {
    const Json *value = find(key);
    if (!value)
      return {};
    if (!value->is_string() || value->get_ref<const std::string &>().empty()) {
      fail(key, "expected a non-empty string, got " + value->dump());
      return {};
    }
    return value->get<std::string>();
  }

  int64_t integer(const char *key, int64_t least, int64_t most) {
    const Json *value = find(key);
    return value ? integer(*value, key, least, most) : least;
  }

  int64_t integer(const Json &value, const std::string &key, int64_t least, int64_t most) {
    // Numbers above the range of int64_t come out negative here, and below `least` there.
    if (!value.is_number_integer() || value.get<int64_t>() < least || value.get<int64_t>() > most) {
      fail(key, "expected an integer in [" + std::to_string(least) + ", " + std::to_string(most) +
                    "], got " + value.dump());
      return least;
    }
    return value.get<int64_t>();
  }

  const Json *find(const char *key) {
    auto it = object.find(key);
    if (it != object.end())
      return &*it;
    fail(key, "missing");
    return nullptr;
  }

  void fail(const std::string &key, const std::string &what) {
    if (status.ok())
      status = malformed(place.empty() ? key : place + "." + key, what);
  }

  Status status;

private:
  const Json &object;
  std::string place;
};

constexpr int64_t largest = std::numeric_limits<int32_t>::max();

Expected<ManifestArgument> parseArgument(const Json &json, const std::string &place) {
  if (!json.is_object())
    return malformed(place, "expected an object, got " + json.dump());
  Reader reader(json, place);
  ManifestArgument argument;
  std::string kind = reader.string("kind");
  CCE_RETURN_IF_ERROR(reader.status);
  bool known = false;
  for (auto [value, name] : argumentKinds)
    if (kind == name) {
      argument.kind = value;
      known = true;
    }
  if (!known)
    return malformed(place + ".kind", "unknown kind '" + kind + "'");
  if (const char *key = nameKey(argument.kind))
    argument.name = reader.string(key);
  if (argument.kind == ArgumentKind::Stride)
    argument.dimension = reader.integer("dimension", 0, 1);
  if (argument.kind == ArgumentKind::TensorMap) {
    argument.swizzle = reader.integer("swizzle", 0, 128);
    if (const Json *box = reader.find("box")) {
      if (!box->is_array() || box->size() != 2)
        reader.fail("box", "expected [rows, columns], got " + box->dump());
      else
        for (size_t i = 0; i < 2; ++i)
          argument.box[i] = reader.integer((*box)[i], "box", 1, largest);
    }
  }
  if (argument.kind == ArgumentKind::Scalar) {
    std::string type = reader.string("type");
    bool found = false;
    for (auto [value, name] : scalarTypes)
      if (type == name) {
        argument.scalarType = value;
        found = true;
      }
    if (!found)
      reader.fail("type", "expected f32, i1, i32 or i64, got '" + type + "'");
  }
  CCE_RETURN_IF_ERROR(reader.status);
  return argument;
}

} // namespace

const char *argumentKindName(ArgumentKind kind) {
  for (auto [value, name] : argumentKinds)
    if (kind == value)
      return name;
  return "unknown";
}

const char *scalarTypeName(ScalarType type) {
  for (auto [value, name] : scalarTypes)
    if (type == value)
      return name;
  return "unknown";
}

Expected<Manifest> Manifest::parse(std::string_view text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    return makeError(CCE_INVALID_ARGUMENT, "manifest: not JSON");
  if (!json.is_object())
    return makeError(CCE_INVALID_ARGUMENT, "manifest: expected an object, got ", json.type_name());
  Reader reader(json, "");
  Manifest manifest;
  manifest.kernel = reader.string("kernel");
  manifest.target = reader.string("target");
  manifest.entry = reader.string("entry");
  // A CPU kernel has no blocks, so these may be left out there.
  if (json.contains("threads"))
    manifest.threads = reader.integer("threads", 0, 1024);
  if (json.contains("cluster"))
    manifest.cluster = reader.integer("cluster", 1, 16);
  if (json.contains("blocks"))
    manifest.blocks = reader.integer("blocks", 0, largest);
  if (json.contains("overlaps"))
    manifest.overlaps = reader.integer("overlaps", 0, 1) != 0;
  if (json.contains("shared_bytes"))
    manifest.sharedBytes = reader.integer("shared_bytes", 0, largest);
  if (json.contains("scratch_bytes"))
    manifest.scratchBytes = reader.integer("scratch_bytes", 0, largest);
  if (auto tiles = json.find("tiles"); tiles != json.end()) {
    if (!tiles->is_object())
      reader.fail("tiles", "expected an object, got " + tiles->dump());
    else
      for (const auto &[axis, size] : tiles->items())
        manifest.tiles[axis] = reader.integer(size, "tiles." + axis, 1, largest);
  }
  const Json *arguments = reader.find("arguments");
  if (arguments && !arguments->is_array())
    reader.fail("arguments", "expected an array, got " + arguments->dump());
  CCE_RETURN_IF_ERROR(reader.status);
  if (manifest.target != "cpu" && manifest.threads == 0)
    return malformed("threads", "missing");
  for (size_t i = 0; i < arguments->size(); ++i) {
    CCE_ASSIGN_OR_RETURN(ManifestArgument argument,
                         parseArgument((*arguments)[i], "arguments[" + std::to_string(i) + "]"));
    manifest.arguments.push_back(std::move(argument));
  }
  return manifest;
}

std::string Manifest::print() const {
  Json json;
  json["kernel"] = kernel;
  json["target"] = target;
  json["entry"] = entry;
  json["threads"] = threads;
  json["cluster"] = cluster;
  if (blocks != 0)
    json["blocks"] = blocks;
  if (overlaps)
    json["overlaps"] = 1;
  json["shared_bytes"] = sharedBytes;
  json["tiles"] = Json::object();
  for (const auto &[axis, size] : tiles)
    json["tiles"][axis] = size;
  json["arguments"] = Json::array();
  for (const ManifestArgument &argument : arguments) {
    Json object;
    object["kind"] = argumentKindName(argument.kind);
    if (const char *key = nameKey(argument.kind))
      object[key] = argument.name;
    if (argument.kind == ArgumentKind::TensorMap) {
      object["box"] = argument.box;
      object["swizzle"] = argument.swizzle;
    }
    if (argument.kind == ArgumentKind::Stride)
      object["dimension"] = argument.dimension;
    if (argument.kind == ArgumentKind::Scalar)
      object["type"] = scalarTypeName(argument.scalarType);
    json["arguments"].push_back(std::move(object));
  }
  json["scratch_bytes"] = scratchBytes;
  // Names that are not UTF-8 would throw in the strict mode of dump.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

int64_t Manifest::tile(const std::string &axis, int64_t otherwise) const {
  auto it = tiles.find(axis);
  return it == tiles.end() ? otherwise : it->second;
}

} // namespace cce::rt
