# Finds LLVM/MLIR 22.1 and gives cce_link_llvm(<target> MLIR <libs> LLVM <components>).
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

# Debian keeps the CMake packages of LLVM 22 off the default path.
find_program(CCE_LLVM_CONFIG NAMES llvm-config-22)
if(CCE_LLVM_CONFIG AND NOT MLIR_DIR)
  execute_process(COMMAND "${CCE_LLVM_CONFIG}" --cmakedir
                  OUTPUT_VARIABLE cce_llvm_cmake OUTPUT_STRIP_TRAILING_WHITESPACE)
  get_filename_component(cce_cmake_root "${cce_llvm_cmake}" DIRECTORY)
  set(LLVM_DIR "${cce_llvm_cmake}")
  set(MLIR_DIR "${cce_cmake_root}/mlir")
endif()
find_package(MLIR 22.1 REQUIRED CONFIG)
message(STATUS "LLVM/MLIR ${LLVM_PACKAGE_VERSION} in ${MLIR_DIR}")

set(LLVM_RUNTIME_OUTPUT_INTDIR "${CMAKE_BINARY_DIR}/bin")
set(LLVM_LIBRARY_OUTPUT_INTDIR "${CMAKE_BINARY_DIR}/lib")
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)
separate_arguments(cce_llvm_definitions NATIVE_COMMAND ${LLVM_DEFINITIONS})

# In a static build every MLIR archive still exports the shared libLLVM ('LLVM') or libMLIR as an
# interface library, which would put two copies of LLVM into one process.
if(CCE_STATIC_LLVM)
  get_property(cce_mlir_libs GLOBAL PROPERTY MLIR_ALL_LIBS)
  foreach(lib IN LISTS cce_mlir_libs)
    if(TARGET ${lib})
      get_target_property(deps ${lib} INTERFACE_LINK_LIBRARIES)
      if(deps)
        list(REMOVE_ITEM deps LLVM MLIR)
        set_target_properties(${lib} PROPERTIES INTERFACE_LINK_LIBRARIES "${deps}")
      endif()
    endif()
  endforeach()
endif()

# Compile settings of everything that includes LLVM headers.
add_library(cce_llvm_headers INTERFACE)
target_include_directories(cce_llvm_headers SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_compile_definitions(cce_llvm_headers INTERFACE ${cce_llvm_definitions})

# MLIR: archives for the static build. LLVM: components for it. The shared build has them all in
# libMLIR and libLLVM.
function(cce_link_llvm target)
  cmake_parse_arguments(ARG "" "" "MLIR;LLVM" ${ARGN})
  target_link_libraries(${target} PUBLIC cce_llvm_headers)
  if(CCE_STATIC_LLVM)
    llvm_map_components_to_libnames(components ${ARG_LLVM})
    target_link_libraries(${target} PUBLIC ${ARG_MLIR} ${components})
  else()
    target_link_libraries(${target} PUBLIC MLIR LLVM)
  endif()
endfunction()
