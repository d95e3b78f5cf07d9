module mayfly.test/runtime

go 1.19
