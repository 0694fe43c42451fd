CARDS=[]
def is_made(): return False
