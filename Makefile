# Everything a stranger needs: `make up` and `make test`. Both begin with `make setup`.
YUNNAO := .venv/bin/yunnao
PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup up test check demo stop clean

help:
	@sed -n 's/^#: //p' Makefile

#: make up      启动整个城市（演示模式）      run the whole city, in demo mode
up: setup
	@YUNNAO_DEMO=$${YUNNAO_DEMO:-1} exec $(YUNNAO) up

#: make test    运行全部测试                  run every test, browsers included
test: setup
	@$(PYTHON) tools/test_programs.py
	@$(PYTHON) -m pytest $(ARGS)

#: make demo    不用浏览器看两条完整的流程    follow two stories to their end, without a browser
demo: setup
	@exec $(YUNNAO) demo

#: make check   检查代码、场景和文档          check code, packs and documents
check: setup
	@$(PYTHON) tools/check.py

#: make setup   安装所需的一切                install all that is needed
setup:
	@sh tools/python.sh tools/setup.py

#: make stop    停止内置的数据库和消息服务器  stop the embedded servers
stop:
	@test ! -x $(YUNNAO) || exec $(YUNNAO) stop

#: make clean   删除安装的内容，保留数据      delete what setup made; data stay
clean:
	@sh tools/python.sh tools/clean.py
