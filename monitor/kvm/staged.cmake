# staged.cmake: cmake -DNM=… -DKERNEL=kernel.elf -DOUT=staged_layout.h -P staged.cmake
# Where the parts of kernel.elf stand, for staged.c.
execute_process(COMMAND ${NM} ${KERNEL} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
set(text "/* Made from kernel.elf by monitor/kvm/staged.cmake. */\n")
foreach(pair TEXT_END:kernel_text_end DATA:kernel_data_start STACK_TOP:kernel_stack_top END:kernel_end)
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 name)
  list(GET pair 1 symbol)
  if(NOT symbols MATCHES "([0-9a-f]+) [A-Za-z] ${symbol}\n")
    message(FATAL_ERROR "${KERNEL} has no ${symbol}")
  endif()
  string(APPEND text "#define STAGED_${name} 0x${CMAKE_MATCH_1}u\n")
endforeach()
file(WRITE ${OUT} "${text}")
