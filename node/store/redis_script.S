/* redis_script.S: redis_script.lua as bytes. */
    .section .rodata
    .global redis_script, redis_script_end
redis_script:
    .incbin "node/store/redis_script.lua"
redis_script_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
