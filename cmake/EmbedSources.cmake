# Writes {"file name", R"(text)"}, lines for every file of SOURCES to OUTPUT.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
set(text "")
foreach(source IN LISTS SOURCES)
  get_filename_component(name "${source}" NAME)
  file(READ "${source}" content)
  string(APPEND text "{\"${name}\", R\"MLIR(${content})MLIR\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "${text}")
