"""Before hours are spent: is a clip set, is a model fit to be measured?"""
