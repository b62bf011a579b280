module wsgiserver

go 1.19
