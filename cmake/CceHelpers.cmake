# Compile options of our own code.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

add_library(cce_options INTERFACE)
target_compile_options(cce_options INTERFACE -Wall -Wextra -Wno-unused-parameter
                       -ffunction-sections -fdata-sections)
if(CCE_WERROR)
  target_compile_options(cce_options INTERFACE -Werror)
endif()
if(CCE_SANITIZE)
  target_compile_options(cce_options INTERFACE -fsanitize=${CCE_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=undefined)
  target_link_options(cce_options INTERFACE -fsanitize=${CCE_SANITIZE})
endif()
target_link_options(cce_options INTERFACE -Wl,--gc-sections)

# cce_library(<name> <sources>...): an archive with our options.
function(cce_library name)
  add_library(${name} STATIC ${ARGN})
  target_link_libraries(${name} PRIVATE cce_options)
endfunction()

# cce_tool(<name> <sources>...): an executable in bin/.
function(cce_tool name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE cce_options)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
endfunction()
